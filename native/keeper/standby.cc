#include "standby.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "server.h"

namespace sluice {
void Standby::serves(bool may_give_way) noexcept {
  end();
  if (is_wanted_) due_ = clock_ns() + (may_give_way ? kTrialNs : kPauseNs);
}

void Standby::tend(const std::vector<char*>& command) {
  if (child_.pid != 0 && has_ended()) {
    say("warn", "the standby has ended by itself: another is started in a minute");
    end();
    due_ = clock_ns() + kAgainNs;
  }
  if (due_ == 0 || clock_ns() < due_) return;
  due_ = 0;
  if (!spawn(command, true, child_)) return void(due_ = clock_ns() + kAgainNs);
  watch_ = static_cast<int>(syscall(SYS_pidfd_open, child_.pid, 0));
  if (watch_ >= 0) fcntl(watch_, F_SETFD, FD_CLOEXEC);
}

int Standby::rest_ms() const noexcept { return ms_until(due_); }

bool Standby::has_ended() const noexcept {
  pollfd end{watch_, POLLIN, 0};
  return watch_ < 0 || poll(&end, 1, 0) > 0;
}

bool Standby::take(Child& child) noexcept {
  if (child_.pid == 0) return false;
  if (has_ended()) return end(), false;
  child = std::exchange(child_, Child());
  close(std::exchange(watch_, -1));
  return true;
}

void Standby::end() noexcept {
  if (child_.pid == 0) return;
  kill(child_.pid, SIGKILL);
  waitpid(child_.pid, nullptr, 0);
  close(child_.channel);
  if (watch_ >= 0) close(std::exchange(watch_, -1));
  child_ = Child();
}

}  // namespace sluice
