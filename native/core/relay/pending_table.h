// The requests we must remember: those waiting on a client's flow (430 when it dies), those that went from a reliable to an unreliable
// hop (retransmitted until answered), and those that went the other way (their response is repeated). Everything else is relayed
// statelessly (RFC 3261 16.11).
#pragma once

#include <memory>
#include <vector>

#include "core/sip/address.h"
#include "core/base/flow_buffer.h"
#include "core/sip/message.h"
#include "core/crypto/siphash.h"
#include "core/base/timing_wheel.h"

namespace sluice {

enum PendingRole : uint8_t {
  kPending_watch = 1,    // answer 430 when the flow dies
  kPending_repeat = 2,   // retransmit until answered (RFC 3261 17.1.1.2, 17.1.2.2)
  kPending_replay = 4,   // absorb retransmissions and repeat the final response (RFC 3261 17.2.2)
};

enum class PendingState : uint8_t { trying, proceeding, completed };

struct Pending {
  WheelNode timer;
  uint64_t key = 0;
  uint32_t chain = 0;      // next in the hash bucket, or next free entry
  uint32_t flow = 0;       // slot of the flow it waits on, 0: none
  uint32_t flow_next = 0;
  uint32_t flow_prev = 0;
  uint32_t interval_ms = 0;
  uint32_t ends = 0;       // tick
  uint16_t listener = 0;   // that the request left from
  uint16_t share = 0;      // see PendingShares
  uint16_t payer = 0;      // whose share of the octets `answer` takes
  uint8_t roles = 0;
  PendingState state = PendingState::trying;
  Method method = Method::unknown;
  Address to;              // for kPending_repeat
  FlowBuffer* sent = nullptr;    // the request as it was sent, with our Via on top
  Text answer;                   // for kPending_replay: the final response as it was relayed
};

class PendingTable {
 public:
  PendingTable(const SipKey& key, uint32_t capacity) noexcept;

  // The key of a transaction: our branch, plus the method where it makes a separate transaction (RFC 3261 17.1.3).
  uint64_t key_of(Text branch, Method method) const noexcept;

  uint32_t find(uint64_t key) noexcept;  // 0: none
  // Has the caches fetch what find() will look at: the table is larger than they are.
  void fetch(uint64_t key) noexcept {
    const uint32_t first = index_[key & (index_.size() - 1)];
    if (first == 0) return;
    const Pending& entry = at(first);
    __builtin_prefetch(&entry);
    __builtin_prefetch(reinterpret_cast<const char*>(&entry) + 64);
  }
  uint32_t open(uint64_t key) noexcept;  // 0: full
  // Unlinks the entry from `head`, the first entry of its flow (nullptr: it waits on none). The caller returns what it has kept.
  void close(uint32_t index, uint32_t* head) noexcept;
  void wait_on(uint32_t index, uint32_t flow, uint32_t* head) noexcept;

  void leave(uint32_t index, uint32_t* head) noexcept;  // it no longer waits on its flow

  template <typename See>
  void each_index(See&& see) noexcept {
    for (uint32_t head : index_)
      for (uint32_t i = head; i != 0; i = at(i).chain) see(i);
  }
  template <typename See>
  void each(See&& see) noexcept {
    each_index([&](uint32_t index) { see(at(index)); });
  }

  Pending& at(uint32_t index) noexcept { return slabs_[index >> kSlabBits][index & (kSlabSize - 1)]; }
  WheelNode& node(uint32_t index) noexcept { return at(index).timer; }
  uint32_t size() const noexcept { return size_; }
  // Entries beyond it stay until they are closed.
  void set_capacity(uint32_t capacity) noexcept { capacity_ = capacity; }

 private:
  static constexpr uint32_t kSlabBits = 9;
  static constexpr uint32_t kSlabSize = 1u << kSlabBits;

  void grow_index() noexcept;

  SipKey key_;
  uint32_t capacity_;
  std::vector<std::unique_ptr<Pending[]>> slabs_;
  std::vector<uint32_t> index_;
  uint32_t next_fresh_ = 1;
  uint32_t free_ = 0;
  uint32_t size_ = 0;
};

}  // namespace sluice
