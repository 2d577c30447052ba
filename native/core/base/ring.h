// Messages from shard to shard: a bounded ring of records of any size, for many producers and one consumer, without a lock.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "core/base/zeroed.h"

namespace sluice {

// A record is a word with an octet count, then the octets, rounded up to whole words. It never wraps around the end: a pad record fills
// what is left there. A zero word means that the record is not written yet: the consumer clears what it has read before releasing it,
// so no octets of an old message can pass for a count.
class Ring {
 public:
  // `octets` is rounded up to a power of two. A record may take up to half the ring.
  explicit Ring(size_t octets) noexcept
      : capacity_(std::bit_ceil(std::max(octets, kMinOctets))), words_(zeroed<uint64_t>(capacity_ / kWord)) {}
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  size_t max_record() const noexcept { return capacity_ / 2 - kWord; }

  // Any thread. Copies the pieces as one record. False: no room now, or never; the caller counts and drops the message.
  // `wake` becomes true when the consumer sleeps and it is this thread's job to wake it.
  bool push(const iovec* pieces, size_t count, bool& wake) noexcept {
    wake = false;
    size_t size = 0;
    for (size_t i = 0; i < count; ++i) {
      if (pieces[i].iov_len > max_record() - size) return false;
      size += pieces[i].iov_len;
    }
    const size_t needed = words_of(size);
    uint64_t at;
    size_t left;
    bool wraps;
    for (;;) {
      // The order matters: a tail read before the head could be older than the head.
      const uint64_t head = head_.load(std::memory_order_acquire);
      at = tail_.load(std::memory_order_relaxed);
      left = capacity_ - (at & (capacity_ - 1));
      wraps = needed > left;
      const uint64_t end = at + needed + (wraps ? left : 0);
      if (end - head > capacity_) return false;
      if (tail_.compare_exchange_weak(at, end, std::memory_order_relaxed)) break;
    }
    if (wraps) {
      count_at(at).store(kPad, std::memory_order_release);
      at += left;
    }
    auto* to = reinterpret_cast<uint8_t*>(word_at(at) + 1);
    for (size_t i = 0; i < count; ++i) {
      if (pieces[i].iov_len == 0) continue;
      std::memcpy(to, pieces[i].iov_base, pieces[i].iov_len);
      to += pieces[i].iov_len;
    }
    // Sequentially consistent, as in front(): either the consumer sees this record before it sleeps, or we see that it sleeps.
    count_at(at).store(size + 1, std::memory_order_seq_cst);
    wake = sleeps_.load(std::memory_order_seq_cst) && sleeps_.exchange(false, std::memory_order_seq_cst);
    return true;
  }

  // Consumer only. The oldest record, valid until pop(), or nullptr. After nullptr the consumer counts as asleep: the next push tells
  // its producer to wake it, so the consumer may wait without looking again.
  const uint8_t* front(size_t& size) noexcept {
    const uint8_t* record = look(size);
    if (record == nullptr) {
      sleeps_.store(true, std::memory_order_seq_cst);
      record = look(size);
      if (record == nullptr) return nullptr;
    }
    if (sleeps_.load(std::memory_order_relaxed)) sleeps_.store(false, std::memory_order_relaxed);
    return record;
  }

  // Consumer only, while no producer pushes: calls see(record, size) for all that front() and pop() would return.
  template <typename See>
  void each(See&& see) const noexcept {
    for (uint64_t at = head_.load(std::memory_order_relaxed), end = tail_.load(std::memory_order_acquire); at != end;) {
      const uint64_t count = count_at(at).load(std::memory_order_acquire);
      if (count == 0) return;
      if (count == kPad) {
        at += capacity_ - (at & (capacity_ - 1));
        continue;
      }
      see(reinterpret_cast<const uint8_t*>(word_at(at) + 1), static_cast<size_t>(count - 1));
      at += words_of(static_cast<size_t>(count - 1));
    }
  }

  // Consumer only, after a front() that returned a record.
  void pop() noexcept {
    const uint64_t at = head_.load(std::memory_order_relaxed);
    const size_t taken = words_of(static_cast<size_t>(count_at(at).load(std::memory_order_relaxed) - 1));
    std::memset(word_at(at), 0, taken);
    head_.store(at + taken, std::memory_order_release);
  }

 private:
  static constexpr size_t kWord = sizeof(uint64_t);
  static constexpr size_t kMinOctets = 64;
  static constexpr uint64_t kPad = ~uint64_t{0};

  static size_t words_of(size_t size) noexcept { return kWord + (size + kWord - 1) / kWord * kWord; }
  uint64_t* word_at(uint64_t at) const noexcept { return words_.get() + (at & (capacity_ - 1)) / kWord; }
  std::atomic_ref<uint64_t> count_at(uint64_t at) const noexcept { return std::atomic_ref<uint64_t>(*word_at(at)); }

  const uint8_t* look(size_t& size) noexcept {
    uint64_t at = head_.load(std::memory_order_relaxed);
    uint64_t count = count_at(at).load(std::memory_order_seq_cst);
    if (count == kPad) {
      count_at(at).store(0, std::memory_order_relaxed);
      at += capacity_ - (at & (capacity_ - 1));
      head_.store(at, std::memory_order_release);
      count = count_at(at).load(std::memory_order_seq_cst);
    }
    if (count == 0) return nullptr;
    size = static_cast<size_t>(count - 1);
    return reinterpret_cast<const uint8_t*>(word_at(at) + 1);
  }

  const size_t capacity_;
  const Zeroed<uint64_t> words_;
  // Positions only grow; the place in the ring is the position modulo the capacity.
  alignas(64) std::atomic<uint64_t> tail_{0};
  alignas(64) std::atomic<uint64_t> head_{0};
  alignas(64) std::atomic<bool> sleeps_{true};
};

}  // namespace sluice
