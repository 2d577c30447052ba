#include "core/shard/turn_clock.h"

namespace sluice {
namespace {

struct Step {
  uint64_t nanoseconds;
  Counter turns;
  Counter messages;
};

constexpr Step kSteps[] = {
    {250'000, Counter::turns_250us, Counter::messages_250us},       {1'000'000, Counter::turns_1ms, Counter::messages_1ms},
    {2'500'000, Counter::turns_2500us, Counter::messages_2500us},   {5'000'000, Counter::turns_5ms, Counter::messages_5ms},
    {10'000'000, Counter::turns_10ms, Counter::messages_10ms},      {25'000'000, Counter::turns_25ms, Counter::messages_25ms},
    {100'000'000, Counter::turns_100ms, Counter::messages_100ms},   {UINT64_MAX, Counter::turns_longer, Counter::messages_longer},
};

}  // namespace

void TurnClock::wait_begins(uint64_t now) noexcept {
  if (began_ == 0) return;
  const uint64_t took = now - began_;
  counters_.add(Counter::turn_nanoseconds, static_cast<int64_t>(took));
  const Step* step = kSteps;
  while (took > step->nanoseconds) ++step;
  counters_.add(step->turns);
  if (messages_ == 0) return;
  counters_.add(step->messages, messages_);
  counters_.add(Counter::message_nanoseconds, static_cast<int64_t>(took * messages_));
  messages_ = 0;
}

}  // namespace sluice
