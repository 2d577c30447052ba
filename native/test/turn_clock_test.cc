// How long turns take, and whether it was work.
#include <ctime>

#include "check.h"
#include "core/shard/turn_clock.h"

namespace sluice::turn_clock_test {
using namespace test;

namespace {

struct Turns {
  int64_t memory[static_cast<size_t>(Counter::count_)] = {};
  Counters counters{memory};
  TurnClock clock{counters};
  uint64_t now = kMs;

  int64_t of(Counter counter) const { return counters.get(counter); }
  // By the clock, with so much work in it.
  void turn(uint64_t nanoseconds, uint64_t work = 0) {
    clock.wait_ends(now);
    const uint64_t end = cpu() + work;
    while (work > 0 && cpu() < end) continue;
    clock.wait_begins(now += nanoseconds);
  }
  static uint64_t cpu() {
    timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return static_cast<uint64_t>(used.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(used.tv_nsec);
  }
};

}  // namespace

TEST("a long turn is one of work if the thread has worked as long, else it has waited for a processor; a sudden one is not known") {
  Turns turns;
  turns.turn(kMs / 2);
  turns.turn(6 * kMs);
  CHECK_EQ(turns.of(Counter::long_turns_unknown), 1);
  turns.turn(6 * kMs);
  CHECK_EQ(turns.of(Counter::long_turns_waited), 1);
  turns.turn(6 * kMs, 6 * kMs);
  CHECK_EQ(turns.of(Counter::long_turns_worked), 1);
  turns.turn(5 * kMs);
  CHECK_EQ(turns.of(Counter::turns_5ms), 1);
  CHECK_EQ(turns.of(Counter::turns_10ms), 3);
  CHECK_EQ(turns.of(Counter::long_turns_unknown) + turns.of(Counter::long_turns_waited) + turns.of(Counter::long_turns_worked), 3);
}

}  // namespace sluice::turn_clock_test
