#include "standby.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "core/transport/descriptor_channel.h"
#include "core/transport/keeper_word.h"
#include "server.h"

namespace sluice {
namespace {

constexpr int kRoom = 4 << 20;  // of the channel, for what a server says while we do not run

[[noreturn]] void become(std::vector<char*> command, int channel, bool waits) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (channel == kKeeperChannel) fcntl(channel, F_SETFD, 0);
  else dup2(channel, kKeeperChannel);
  setenv(kKeeperVariable, std::to_string(kKeeperChannel).c_str(), 1);
  if (waits) setenv(kStandbyVariable, "1", 1);
  command.push_back(nullptr);
  execv(command[0], command.data());
  _exit(127);
}

}  // namespace

bool spawn(const std::vector<char*>& command, bool waits, Child& child) {
  int ends[2];
  if (const int error = DescriptorChannel::open(ends); error != 0) return say("error", std::string("no channel to a server: ") + std::strerror(error)), false;
  for (const int end : ends) setsockopt(end, SOL_SOCKET, SO_SNDBUF, &kRoom, sizeof kRoom);
  const pid_t pid = fork();
  if (pid == 0) become(command, ends[1], waits);
  close(ends[1]);
  if (pid < 0) return close(ends[0]), say("error", std::string("no server can be started: ") + std::strerror(errno)), false;
  child = {pid, ends[0]};
  return true;
}

void Standby::serves() noexcept {
  end();
  if (is_wanted_) due_ = clock_ns() + kPauseNs;
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

int Standby::rest_ms() const noexcept {
  if (due_ == 0) return -1;
  const uint64_t now = clock_ns();
  return now >= due_ ? 0 : static_cast<int>((due_ - now) / 1'000'000) + 1;
}

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
