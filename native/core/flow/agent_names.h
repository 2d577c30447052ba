// User-Agent texts: phones have one of a few, so each is kept once for all flows of a shard. So many of them, for as long as the shard lives;
// whoever has another one keeps it to himself.
#pragma once

#include <string>
#include <unordered_set>

#include "core/base/bytes.h"

namespace sluice {

class AgentNames {
 public:
  static constexpr size_t kMost = 1024;

  // nullptr: there are too many others. What it returns stays where it is.
  const std::string* find(Text agent) noexcept {
    if (const auto known = names_.find(agent); known != names_.end()) return &*known;
    return names_.size() == kMost ? nullptr : &*names_.emplace(agent).first;
  }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(Text text) const noexcept { return std::hash<Text>()(text); }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(Text one, Text other) const noexcept { return one == other; }
  };

  std::unordered_set<std::string, Hash, Equal> names_;
};

}  // namespace sluice
