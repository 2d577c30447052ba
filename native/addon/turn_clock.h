// How long the turns of a shard's event loop take: everything between two waits for sockets and timers, whoever does it, C++, JavaScript or
// the garbage collector. Two clock readings a turn.
#pragma once

#include <uv.h>

#include "core/base/counters.h"

namespace sluice {

class TurnClock {
 public:
  // The memory of the counters outlives close().
  static TurnClock* start(uv_loop_t* loop, int64_t* counters);
  // Deletes it when libuv has let go of its handle.
  void close();

 private:
  explicit TurnClock(int64_t* counters) : counters_(counters) {}
  static void before_wait(uv_prepare_t* handle);
  void turn_ended(uint64_t now, uint64_t waited);

  uv_prepare_t handle_;
  Counters counters_;
  uint64_t last_ = 0;
  uint64_t waited_ = 0;
};

}  // namespace sluice
