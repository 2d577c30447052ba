// Numbers that one shard writes and anyone may read: shared memory, one writer, no lock.
#pragma once

#include <atomic>

#include "core/base/layout.h"

namespace sluice {

// The counter that many places after another one, in a group that follows the order of another list.
constexpr Counter beyond(Counter first, uint32_t places) noexcept { return static_cast<Counter>(static_cast<uint32_t>(first) + places); }

class Counters {
 public:
  // `memory` holds Counter::count_ numbers and outlives this.
  explicit Counters(int64_t* memory) noexcept : memory_(memory) {}

  [[gnu::always_inline]] void add(Counter which, int64_t amount = 1) noexcept {
    std::atomic_ref<int64_t> value(memory_[static_cast<uint32_t>(which)]);
    value.store(value.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void set(Counter which, int64_t to) noexcept { std::atomic_ref<int64_t>(memory_[static_cast<uint32_t>(which)]).store(to, std::memory_order_relaxed); }
  int64_t get(Counter which) const noexcept { return memory_[static_cast<uint32_t>(which)]; }

 private:
  int64_t* memory_;
};

}  // namespace sluice
