#include "core/shard/turn_clock.h"

#include "core/base/now_ns.h"

namespace sluice {
namespace {

struct Step {
  uint64_t nanoseconds;
  Counter counter;
};

constexpr Step kSteps[] = {
    {250'000, Counter::turns_250us}, {1'000'000, Counter::turns_1ms},   {2'500'000, Counter::turns_2500us}, {5'000'000, Counter::turns_5ms},
    {10'000'000, Counter::turns_10ms}, {25'000'000, Counter::turns_25ms}, {100'000'000, Counter::turns_100ms},
};

}  // namespace

uint64_t TurnClock::elapsed() const noexcept { return began_ == 0 ? 0 : now_ns() - began_; }

void TurnClock::wait_begins() noexcept {
  if (began_ == 0) return;
  const uint64_t took = elapsed();
  counters_.add(Counter::turn_nanoseconds, static_cast<int64_t>(took));
  for (const Step& step : kSteps)
    if (took <= step.nanoseconds) return counters_.add(step.counter);
  counters_.add(Counter::turns_longer);
}

void TurnClock::wait_ends() noexcept { began_ = now_ns(); }

}  // namespace sluice
