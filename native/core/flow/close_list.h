// Flows to be closed when the turn has sent what it had to say. Whoever finds that a flow is broken while others may still hold its slot
// puts it here; only Connections takes it out.
#pragma once

#include <utility>
#include <vector>

#include "core/flow/flow_table.h"

namespace sluice {

class CloseList {
 public:
  struct Entry {
    FlowHandle flow;
    Counter why;
  };

  void add(FlowHandle flow, Counter why) noexcept { entries_.push_back({flow, why}); }
  bool empty() const noexcept { return entries_.empty(); }
  // Everything so far. What is added from then on waits for the next call.
  std::vector<Entry> take() noexcept { return std::exchange(entries_, {}); }

 private:
  std::vector<Entry> entries_;
};

}  // namespace sluice
