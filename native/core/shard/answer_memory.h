// How much is remembered of transactions after their final response, and what gives way. Most are only remembered so that a retransmission
// is answered like the first time, and go first; an accepted call needs its transactions until its caller has the 2xx (RFC 6026).
#pragma once

#include <deque>

#include "core/relay/pending_shares.h"
#include "core/shard/ground.h"

namespace sluice {

class AnswerMemory {
 public:
  struct Bounds {
    uint64_t for_each_pending;  // transactions for each place of max_pending
    uint64_t octets;            // of one on average
  };
  struct Metrics {
    Counter held;
    Counter octets_held;
    Counter forgotten;
  };
  enum class Kind : uint8_t { answered, accepted };
  struct Entry {
    uint32_t index;
    uint64_t serial;
  };

  AnswerMemory(Ground& ground, Text name, const Bounds& bounds, const Metrics& metrics) noexcept
      : ground_(ground), bounds_(bounds), metrics_(metrics), shares_(derive(ground.config.table_key, name)) {}

  uint16_t share_of(const Address& source) const noexcept { return shares_.place_of(source); }
  // Once the memory is half full, no source may have more than an eighth of it; share 0 is nobody's. False: it may not be remembered.
  bool take(Kind kind, const Entry& entry, uint16_t share, uint32_t octets) noexcept;
  // One that is remembered has as many octets more.
  void grow(uint32_t octets) noexcept;
  // It has been forgotten.
  void give(uint16_t share, uint32_t octets) noexcept;
  // Calls forget(index), which must call give(), for the oldest until there is room. holds(index, serial): whether it is still remembered.
  template <typename Holds, typename Forget>
  void make_room(Holds&& holds, Forget&& forget) noexcept {
    for (std::deque<Entry>* queue : {&answered_, &accepted_}) {
      while (!queue->empty()) {
        const Entry oldest = queue->front();
        const bool has_ended = !holds(oldest.index, oldest.serial);
        if (!has_ended && !is_too_full()) break;
        queue->pop_front();
        if (has_ended) continue;
        ground_.counters.add(metrics_.forgotten);
        forget(oldest.index);
      }
    }
  }

 private:
  uint64_t most() const noexcept { return bounds_.for_each_pending * uint64_t{ground_.config.limits.max_pending}; }
  // Entries that have ended since count until they are the oldest.
  uint64_t size() const noexcept { return answered_.size() + accepted_.size(); }
  bool is_too_full() const noexcept { return size() > most() || octets_ > most() * bounds_.octets; }

  Ground& ground_;
  const Bounds bounds_;
  const Metrics metrics_;
  PendingShares shares_;
  std::deque<Entry> answered_;  // the oldest first
  std::deque<Entry> accepted_;
  uint64_t octets_ = 0;
};

}  // namespace sluice
