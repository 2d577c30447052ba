// The remembered UDP flows in the order in which they began, and which of them makes room for a new one.
#pragma once

#include <deque>

#include "core/flow/flow_table.h"
#include "core/flow/source_shares.h"

namespace sluice {

class UdpAges {
 public:
  void add(uint32_t slot, uint32_t generation) { queue_.push_back({slot, generation}); }

  // Of `source` alone or, with nullptr, of anybody: one that never registered or is dead goes first, then the one that has been silent
  // for longest. What waits for an answer stays. 0: nobody goes; for a newcomer that did not register no registered flow does.
  uint32_t choose(FlowTable& flows, const SourceKey* source, bool registers, uint32_t now) noexcept;

 private:
  // What one newcomer may cost. Flows that were looked at go to the end, so that all are looked at in turn.
  static constexpr size_t kLooks = 64;

  struct Entry {
    uint32_t slot;
    uint32_t generation;
  };
  std::deque<Entry> queue_;
};

}  // namespace sluice
