// Buffers of four sizes for unfinished and unsent messages. A pool belongs to one thread.
#pragma once

#include <cstddef>

namespace sluice {

class BufferPool {
 public:
  static constexpr size_t kClasses = 4;
  static constexpr size_t kSmallest = 2048;
  static constexpr size_t kLargest = kSmallest << 2 * (kClasses - 1);  // 128 KB: each size is four times the previous one
  static constexpr size_t kMaxIdle = 4u << 20;
  static constexpr size_t kAhead = 96 * 1024;  // by which the heap grows at least; glibc returns what is free beyond 128 KB

  // `cap`: octets the pool may hold, lent or idle. `max_idle`: octets it keeps for later; the rest goes back to the system.
  explicit BufferPool(size_t cap, size_t max_idle = kMaxIdle) noexcept : cap_(cap), max_idle_(max_idle) {}
  ~BufferPool() noexcept;
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // A buffer of at least `octets`, aligned for any type; `capacity` receives its size. nullptr: over the cap, larger than kLargest,
  // or the system is out of memory.
  void* take(size_t octets, size_t& capacity) noexcept;
  // `capacity` is what take() returned.
  void give(void* buffer, size_t capacity) noexcept;

  // Memory of somebody else counts like what is lent. False: over the cap.
  bool charge(size_t octets) noexcept {
    if (octets > cap_ || lent_ > cap_ - octets) return false;
    shrink(cap_ - octets - lent_);
    lent_ += octets;
    return true;
  }
  void refund(size_t octets) noexcept { lent_ -= octets; }

  size_t lent() const noexcept { return lent_; }
  size_t idle() const noexcept { return idle_; }
  // What may still be lent.
  size_t left() const noexcept { return cap_ - lent_; }

 private:
  struct Idle {
    Idle* next;
  };

  void* unlink(size_t size_class) noexcept;
  void shrink(size_t octets) noexcept;

  size_t cap_;
  size_t max_idle_;
  size_t lent_ = 0;
  size_t idle_ = 0;
  size_t taken_ahead_ = 0;  // octets that the heap has probably left
  Idle* free_[kClasses] = {};
};

}  // namespace sluice
