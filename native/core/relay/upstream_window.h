// How many REGISTERs an upstream gets at a time, judged by its own answers (AIMD): the window grows while they come in time, stays while
// they take longer, shrinks when they are late or missing. One that was dropped, because the upstream has answered something later in time, says
// nothing of the upstream: strangers can send what it drops, so there is spare room for that while others wait. An upstream that answers 503 also
// gets no more in a second than it has just done.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/base/now_ns.h"

namespace sluice {

class UpstreamWindow {
 public:
  // What is late, at least: below T1 no phone repeats its REGISTER over UDP (RFC 3261 17.1.2.2).
  static constexpr uint64_t kLate = 500 * kMs;

  // All times are in nanoseconds.
  bool has_room(uint64_t now) noexcept;
  void sent() noexcept;
  void answered(uint64_t took, bool refused, uint64_t now) noexcept;
  // It has not answered one for long.
  void missed(uint64_t now) noexcept;
  // It has dropped one. `wanted`: others wait for room.
  void passed_over(bool wanted) noexcept;
  // It answers one that was passed over.
  void answered_late(uint64_t sent, uint64_t now) noexcept;
  uint64_t late_after() const noexcept { return std::max(kLate, 5 * least_); }
  // Whether one that was sent later has been answered in time.
  bool has_overtaken(uint64_t sent) const noexcept { return sent < newest_; }
  // Its answers come late, and none that was sent later has come in time since: what is silent may only be queueing there, whatever a probe says.
  bool is_lagging(uint64_t now) const noexcept { return lagged_ != 0 && now - lagged_ < kLagging && !has_overtaken(lagging_); }
  // One that was sent in its name went elsewhere, or nowhere.
  void taken_back() noexcept {
    if (in_flight_ > 0) --in_flight_;
  }
  // Call it every few tens of milliseconds. `wanted`: REGISTERs wait for room.
  void tick(bool wanted, uint64_t now) noexcept;

  // Answers a second when it has all it can take. Until it has shown that for a while, a high guess; never 0.
  double rate() const noexcept;
  bool has_shown_rate() const noexcept { return shown_ >= kShown; }
  double window() const noexcept { return window_; }
  uint32_t in_flight() const noexcept { return in_flight_; }
  bool is_paced() const noexcept { return pace_ > 0; }

 private:
  static constexpr uint32_t kShown = 5;  // intervals
  static constexpr uint64_t kLagging = 10 * kSecond;
  static constexpr size_t kLatest = 10;  // intervals, a second

  bool is_crowded() const noexcept { return in_flight_ * 2 >= window_ + spare_; }
  bool is_refusing() const noexcept;
  void learn(uint64_t took, bool crowded) noexcept;
  void came_late(uint64_t sent, uint64_t now) noexcept;
  void shrink(double by, double least, uint64_t pause, uint64_t now) noexcept;
  void close_interval(bool wanted, uint64_t now) noexcept;
  double lately(double done_now, uint64_t now) noexcept;

  double window_ = 64;
  double spare_ = 0;
  uint32_t in_flight_ = 0;
  bool is_new_ = true;       // it has always been in time: the window doubles, as in TCP's slow start
  uint64_t shrunk_ = 0;
  uint64_t newest_ = 0;      // when the newest was sent of those answered in time
  uint64_t lagged_ = 0;      // when the last answer came late
  uint64_t lagging_ = 0;     // when that one was sent
  uint64_t least_ = 0;       // the shortest time in which it answers; 0: unknown
  uint64_t least_now_ = 0;   // the same of this period, of answers that had not to queue
  uint64_t period_ = 0;      // when it began

  uint64_t interval_ = 0;    // when it began
  uint32_t done_ = 0;        // answers in this interval
  uint32_t refused_ = 0;     // 503s in it
  uint32_t silent_ = 0;      // given up in it
  bool was_wanted_ = false;  // when it began
  struct Interval {
    uint64_t since = 0;
    uint32_t done = 0;
  };
  std::array<Interval, kLatest> latest_{};
  size_t intervals_ = 0;     // that have ended
  double rate_ = 0;
  uint32_t shown_ = 0;       // intervals in which it had all it could take
  double best_ = 0, best_before_ = 0;  // the most answers in a second of this period and the one before
  uint64_t best_since_ = 0;
  double pace_ = 0;          // REGISTERs a second, 0: any number
  double tokens_ = 0;
  uint64_t filled_ = 0;      // the tokens
  uint32_t quiet_ = 0;       // intervals since the last 503
};

}  // namespace sluice
