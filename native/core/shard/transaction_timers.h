// The timers of a table of transactions: a timing wheel over the shard's ticks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>

#include "core/base/timing_wheel.h"
#include "core/shard/clock.h"

namespace sluice {

// `Nodes` as in TimingWheel.
template <typename Nodes>
class TransactionTimers {
 public:
  TransactionTimers(Nodes& nodes, const Clock& clock) noexcept : clock_(clock), wheel_(nodes, clock.tick()) {}

  // The tick that comes so many milliseconds from now, never 0.
  uint32_t after(uint64_t milliseconds) const noexcept {
    const uint32_t at = clock_.tick() + clock_.ticks_from_now(milliseconds);
    return at == 0 ? 1 : at;
  }

  // At the first of these ticks; 0: never.
  void arm(uint32_t index, std::initializer_list<uint32_t> moments) noexcept {
    const uint32_t now = clock_.tick();
    uint32_t wait = UINT32_MAX;
    for (const uint32_t at : moments)
      if (at != 0) wait = std::min(wait, static_cast<int32_t>(at - now) > 0 ? at - now : 1u);
    if (wait == UINT32_MAX) wheel_.cancel(index);
    else wheel_.arm(index, wait);
  }
  void cancel(uint32_t index) noexcept { wheel_.cancel(index); }
  uint32_t quiet_for() const noexcept { return wheel_.quiet_for(); }

  // Calls due(index) for each that is due; under a flood the rest waits for the next tick.
  template <typename Due>
  void tick(Due&& due) noexcept {
    wheel_.advance(clock_.tick(), kPerTick, due);
  }

 private:
  static constexpr size_t kPerTick = 2'048;

  const Clock& clock_;
  TimingWheel<Nodes> wheel_;
};

}  // namespace sluice
