// A thread for which everybody waits should not wait for a processor itself: it asks the kernel to go before others for that time, in a real-time
// class (CAP_SYS_NICE, or RLIMIT_RTPRIO) or at least by its nice value (RLIMIT_NICE). Without the right to ask nothing changes.
#pragma once

#include <sched.h>
#include <sys/resource.h>

#include <cerrno>

namespace sluice {

class Haste {
 public:
  // Of the calling thread: 0 is a thread for Linux, not its process.
  void begin() noexcept {
    if (now_ != Way::none) return;
    if (is_ordinary() && set_class(SCHED_RR, 1)) {
      now_ = Way::real_time;
      return;
    }
    errno = 0;
    before_ = getpriority(PRIO_PROCESS, 0);
    if (errno == 0 && setpriority(PRIO_PROCESS, 0, kFirst) == 0) now_ = Way::nice;
  }
  void end() noexcept {
    if (now_ == Way::real_time) set_class(SCHED_OTHER, 0);
    if (now_ == Way::nice) setpriority(PRIO_PROCESS, 0, before_);
    now_ = Way::none;
  }

 private:
  static constexpr int kFirst = -20;

  enum class Way { none, nice, real_time };

  // An operator who has chosen another class, such as chrt(1) does, gets it back neither worse nor better: we leave it.
  static bool is_ordinary() noexcept { return sched_getscheduler(0) == SCHED_OTHER; }
  static bool set_class(int of, int priority) noexcept {
    sched_param with{};
    with.sched_priority = priority;
    return sched_setscheduler(0, of, &with) == 0;
  }

  Way now_ = Way::none;
  int before_ = 0;
};

}  // namespace sluice
