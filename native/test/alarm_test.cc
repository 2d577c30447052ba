// The timer that wakes a shard.
#include "core/shard/alarm.h"

#include "check.h"
#include "core/base/now_ns.h"

namespace sluice::alarm_test {
namespace {

struct Waiter {
  Waiter() { alarm.watch(epoll, 7); }
  ~Waiter() { close(epoll); }

  // How many events there are; `timeout` as of epoll_wait().
  int wait(int timeout) {
    epoll_event events[4];
    const int count = epoll_wait(epoll, events, 4, timeout);
    for (int i = 0; i < count; ++i) CHECK_EQ(events[i].data.u64, 7u);
    return count;
  }

  Alarm alarm;
  int epoll = epoll_create1(EPOLL_CLOEXEC);
};

}  // namespace

TEST("an alarm ends a wait without a timeout at its time and not before, once, and can be set again") {
  Waiter waiter;
  for (int i = 0; i < 3; ++i) {
    const uint64_t now = now_ns(), due = now + 5 * kMs;
    CHECK(waiter.alarm.set(due, now));
    CHECK_EQ(waiter.wait(-1), 1);
    CHECK(now_ns() >= due);
    CHECK_EQ(waiter.wait(0), 0);
  }
}

TEST("an alarm is moved for what is due before it, and left where it is for what comes later") {
  Waiter waiter;
  const uint64_t now = now_ns(), hour = 3'600'000 * kMs;
  CHECK(waiter.alarm.set(now + hour, now));
  CHECK(waiter.alarm.set(now + 2 * hour, now));
  CHECK_EQ(waiter.alarm.at(), now + hour);
  // Reckoned in milliseconds, the same time is now and then a little nearer.
  CHECK(waiter.alarm.set(now + hour - Alarm::kSlackNs, now));
  CHECK_EQ(waiter.alarm.at(), now + hour);
  CHECK(waiter.alarm.set(now + 3 * kMs, now));
  CHECK_EQ(waiter.alarm.at(), now + 3 * kMs);
  CHECK_EQ(waiter.wait(-1), 1);
}

TEST("an alarm that is over does not count, whether or not anybody has heard it") {
  Waiter waiter;
  const uint64_t now = now_ns(), due = now + kMs;
  CHECK(waiter.alarm.set(due, now));
  while (now_ns() < due) continue;
  const uint64_t later = now_ns();
  CHECK(waiter.alarm.set(later + 2 * kMs, later));
  CHECK_EQ(waiter.wait(-1), 1);
  CHECK(now_ns() >= later + 2 * kMs);
}

TEST("an alarm goes on in another epoll") {
  Waiter waiter;
  const int successor = epoll_create1(EPOLL_CLOEXEC);
  const uint64_t now = now_ns();
  CHECK(waiter.alarm.set(now + kMs, now));
  CHECK_EQ(waiter.wait(-1), 1);
  waiter.alarm.watch(successor, 8);
  const uint64_t again = now_ns();
  CHECK(waiter.alarm.set(again + kMs, again));
  epoll_event event;
  CHECK_EQ(epoll_wait(successor, &event, 1, -1), 1);
  CHECK_EQ(event.data.u64, 8u);
  close(successor);
}

}  // namespace sluice::alarm_test
