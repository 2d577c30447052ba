// The remembered UDP flows in the order in which they began, and the choice of one to make room for a new one.
#pragma once

#include <deque>

#include "core/base/image.h"
#include "core/flow/flow_table.h"
#include "core/flow/source_shares.h"

namespace sluice {

class UdpAges {
 public:
  void add(uint32_t slot, uint32_t generation) { queue_.push_back({slot, generation}); }

  // For the successor of this process; `flows` has adopted its flows before.
  void freeze(ImageWriter& image, FlowTable& flows) const noexcept;
  void adopt(ImageReader& image, FlowTable& flows) noexcept;

  // Among the flows of `source` or, with nullptr, among all: one that never registered or is dead goes first, then the one that has been
  // silent for longest. A flow waiting for a response stays, and a registered flow stays unless the newcomer registers. 0: none goes.
  uint32_t choose(FlowTable& flows, const SourceKey* source, bool registers, uint32_t now) noexcept;

 private:
  // What one newcomer may cost. Examined flows move to the end, so that all get their turn.
  static constexpr size_t kLooks = 64;

  struct Entry {
    uint32_t slot;
    uint32_t generation;
  };
  std::deque<Entry> queue_;
};

}  // namespace sluice
