// A thread for which everybody waits should not wait for a processor itself: it asks the kernel to go before others for that time. Without the
// right to ask (CAP_SYS_NICE, or RLIMIT_NICE) nothing changes.
#pragma once

#include <sys/resource.h>

#include <cerrno>

namespace sluice {

class Haste {
 public:
  // Of the calling thread: `who` 0 is a thread for Linux, not its process.
  void begin() noexcept {
    if (is_on_) return;
    errno = 0;
    before_ = getpriority(PRIO_PROCESS, 0);
    is_on_ = errno == 0 && setpriority(PRIO_PROCESS, 0, kFirst) == 0;
  }
  void end() noexcept {
    if (is_on_) setpriority(PRIO_PROCESS, 0, before_);
    is_on_ = false;
  }

 private:
  static constexpr int kFirst = -20;

  int before_ = 0;
  bool is_on_ = false;
};

}  // namespace sluice
