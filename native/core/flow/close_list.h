// Flows to close once the turn has sent its output. Code that finds a broken flow while others may still hold its slot puts it here; only
// Connections takes it out.
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
  const std::vector<Entry>& entries() const noexcept { return entries_; }
  bool empty() const noexcept { return entries_.empty(); }
  // The first `most`. Anything added afterwards waits for the next call.
  std::vector<Entry> take(size_t most) noexcept {
    if (entries_.size() <= most) return std::exchange(entries_, {});
    const auto end = entries_.begin() + static_cast<ptrdiff_t>(most);
    std::vector<Entry> first(entries_.begin(), end);
    entries_.erase(entries_.begin(), end);
    return first;
  }

 private:
  std::vector<Entry> entries_;
};

}  // namespace sluice
