// How long a shard's turns take: everything between two waits for sockets and timers, whether in C++, JavaScript or the garbage collector.
// Costs two clock readings per turn.
// A long turn may be one in which the thread waited for a processor. To read what it has used is a system call, so this happens only in a turn
// after one that was not short: where work is the reason, long turns come one after the other.
// Each message of a turn counts as if it had been here for the whole of it: reading the clock for each would cost more than it says.
#pragma once

#include <cstdint>

#include "core/base/counters.h"
#include "core/base/now_ns.h"

namespace sluice {

class TurnClock {
 public:
  explicit TurnClock(Counters& counters) noexcept : counters_(counters) {}

  void wait_begins(uint64_t now) noexcept;
  // So many messages were handled in this turn, or in part of it.
  void handled(unsigned messages) noexcept { messages_ += messages; }
  void wait_ends(uint64_t now) noexcept;
  // Nanoseconds since the last wait ended.
  uint64_t elapsed() noexcept { return began_ == 0 ? 0 : read() - began_; }
  // The time, at most a turn old: good enough for whatever takes far longer than a turn.
  uint64_t now() const noexcept { return now_; }
  uint64_t read() noexcept { return now_ = now_ns(); }

 private:
  void judge() noexcept;

  Counters& counters_;
  uint64_t now_ = now_ns();
  uint64_t began_ = 0;  // ns; 0: no turn yet
  uint64_t cpu_began_ = 0;  // CPU of the thread, ns; 0: not read
  bool was_busy_ = false;
  unsigned messages_ = 0;
};

}  // namespace sluice
