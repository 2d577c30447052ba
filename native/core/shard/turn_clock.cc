#include "core/shard/turn_clock.h"

#include <ctime>

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

constexpr uint64_t kLong = 5'000'000;
constexpr uint64_t kBusy = 1'000'000;

uint64_t cpu_ns() noexcept {
  timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<uint64_t>(used.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(used.tv_nsec);
}

}  // namespace

void TurnClock::wait_begins(uint64_t now) noexcept {
  if (began_ == 0) return;
  const uint64_t took = now - began_;
  counters_.add(Counter::turn_nanoseconds, static_cast<int64_t>(took));
  const Step* step = kSteps;
  while (took > step->nanoseconds) ++step;
  counters_.add(step->turns);
  if (took > kLong) judge();
  was_busy_ = took > kBusy;
  if (messages_ == 0) return;
  counters_.add(step->messages, messages_);
  counters_.add(Counter::message_nanoseconds, static_cast<int64_t>(took * messages_));
  messages_ = 0;
}

void TurnClock::wait_ends(uint64_t now) noexcept {
  began_ = now;
  cpu_began_ = was_busy_ ? cpu_ns() : 0;
}

void TurnClock::judge() noexcept {
  if (cpu_began_ == 0) return counters_.add(Counter::long_turns_unknown);
  counters_.add(cpu_ns() - cpu_began_ > kLong ? Counter::long_turns_worked : Counter::long_turns_waited);
}

}  // namespace sluice
