#include "server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <utility>

namespace sluice {
namespace {

constexpr int kPatienceMs = 10'000;
constexpr uint64_t kSecond = 1'000'000'000;
constexpr const char* kSignals[] = {"SIGQUIT", "SIGILL", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGSEGV", "SIGTERM"};
constexpr int kNumbers[] = {SIGQUIT, SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGSEGV, SIGTERM};

bool is_alive(pid_t pid) {
  if (pid <= 0) return false;
  const int watch = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (watch < 0) return false;
  pollfd end{watch, POLLIN, 0};
  const bool has_ended = poll(&end, 1, 0) > 0;
  close(watch);
  return !has_ended;
}

}  // namespace

uint64_t clock_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecond + static_cast<uint64_t>(now.tv_nsec);
}

int ms_until(uint64_t due) {
  if (due == 0) return -1;
  const uint64_t now = clock_ns();
  return now >= due ? 0 : static_cast<int>((due - now) / 1'000'000) + 1;
}

void say(const char* level, const std::string& text) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  gmtime_r(&now.tv_sec, &parts);
  char time[32];
  const size_t size = std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(time + size, sizeof time - size, ".%03ldZ", now.tv_nsec / 1'000'000);
  const std::string line = std::string("{\"level\":\"") + level + "\",\"time\":\"" + time + "\",\"keeper\":" + std::to_string(getpid()) + ",\"msg\":\"" + text + "\"}\n";
  // A log that nobody reads must not stop us.
  pollfd room{STDOUT_FILENO, POLLOUT, 0};
  if (poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) && write(STDOUT_FILENO, line.data(), line.size()) < 0) return;
}

std::string how_of(int status) {
  if (status == -1) return "it has ended";
  if (WIFEXITED(status)) return "it ended with status " + std::to_string(WEXITSTATUS(status));
  for (size_t i = 0; i < sizeof kNumbers / sizeof *kNumbers; ++i)
    if (kNumbers[i] == WTERMSIG(status)) return std::string(kSignals[i]) + " ended it";
  return "signal " + std::to_string(WTERMSIG(status)) + " ended it";
}

void Server::pass_on(int signal) const { kill(pid_, signal); }

bool Server::start() {
  Child child;
  const bool waited = standby_.take(child);
  if (!waited && !spawn(command_, false, child)) return false;
  if (channel_ >= 0) close(channel_);
  channel_ = child.channel;
  is_heard_ = true;
  before_ = 0;
  started_ = clock_ns();
  turn_due_ = waited ? started_ + kTurnNs : 0;
  look_at(child.pid);
  const KeeperHead turn{KeeperWord::serve, 0, 0, getpid()};
  if (waited) DescriptorChannel(channel_).try_send(message_of(turn), nullptr, 0);
  if (watch_ >= 0) return true;
  say("fatal", std::string("the kernel does not say when a process ends (pidfd_open: ") + std::strerror(errno) + "); set SLUICE_KEEPER=off");
  kill(child.pid, SIGKILL);
  return false;
}

void Server::tend() {
  if (turn_due_ != 0 && clock_ns() >= turn_due_) {
    turn_due_ = 0;
    say("error", "the standby with pid " + std::to_string(pid_) + " was told to go on and has not said a word since: it is killed");
    kill(pid_, SIGKILL);
  }
  standby_.tend(command_);
}

int Server::rest_ms() const {
  const int rest = standby_.rest_ms();
  const int turn = ms_until(turn_due_);
  return rest < 0 ? turn : turn < 0 ? rest : std::min(rest, turn);
}

void Server::look_at(pid_t pid) {
  pid_ = pid;
  if (watch_ >= 0) close(watch_);
  watch_ = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (watch_ >= 0) fcntl(watch_, F_SETFD, FD_CLOEXEC);
}

// The memory of its flows is what counts now.
void Server::serves(pid_t pid) {
  standby_.serves(pid != pid_ && pid > 0);
  has_served_ = true;
  if (pid == pid_ || pid <= 0) return;
  before_ = pid_;
  look_at(pid);
}

bool Server::hear_all() {
  static char room[kMostWillOctets + sizeof(KeeperHead)];
  int descriptors[DescriptorChannel::kMostDescriptors];
  for (;;) {
    size_t count = 0;
    const ssize_t size = DescriptorChannel(channel_).try_receive(room, sizeof room, descriptors, &count);
    if (size == -EAGAIN) return true;
    if (size == -EMFILE) {
      if (clock_ns() - complained_ > 60 * kSecond) say("error", "too few file descriptors: some connections would not outlive a crash; raise LimitNOFILE (ulimit -n)");
      complained_ = clock_ns();
      continue;
    }
    if (size < 0) return false;
    KeeperHead head{};
    if (static_cast<size_t>(size) < sizeof head) {
      for (size_t i = 0; i < count; ++i) close(descriptors[i]);
      continue;
    }
    std::memcpy(&head, room, sizeof head);
    take(head, Text(room + sizeof head, static_cast<size_t>(size) - sizeof head), descriptors, count);
  }
}

void Server::take(const KeeperHead& head, Text rest, const int* descriptors, size_t count) {
  DescriptorChannel channel(channel_);
  channel.set_patience(kPatienceMs);
  turn_due_ = 0;
  switch (head.word) {
    case KeeperWord::farewell: is_ending = true; break;
    case KeeperWord::forget: holdings_.forget(); break;
    case KeeperWord::left:
      if (head.pid == before_) before_ = 0;
      break;
    case KeeperWord::ask_will: holdings_.give_will(channel, death_); break;
    case KeeperWord::ask_flows: holdings_.give_flows(channel); break;
    case KeeperWord::will:
      has_served_ = true;
      return holdings_.take(head, rest, descriptors, count);
    case KeeperWord::memory:
      if (head.shard == 0) serves(head.pid);
      [[fallthrough]];
    default: return holdings_.take(head, rest, descriptors, count);
  }
  for (size_t i = 0; i < count; ++i) close(descriptors[i]);
}

bool Server::has_ended(int& status) {
  status = -1;
  hear();
  if (is_alive(pid_)) return false;  // it was another one's word that came last
  waitpid(pid_, &status, WNOHANG);
  if (!is_alive(before_)) return true;
  look_at(std::exchange(before_, 0));
  return false;
}

bool Server::is_over() {
  hear();
  if (is_alive(pid_)) return false;
  // Whoever was replacing it is refused from here on, and ends: two processes must not have the same connections.
  shutdown(channel_, SHUT_RD);
  hear();
  return !is_alive(pid_);
}

int Server::crashed(int status) {
  const uint64_t now = clock_ns();
  death_.status = status;
  // One that has never served has ended nothing: the pause goes on.
  if (std::exchange(has_served_, false) || death_.at_ns == 0) death_.at_ns = now;
  death_.head.pid = pid_;
  ++death_.crashes;
  const uint64_t lived = now - started_;
  quick_ = lived < kQuickNs ? quick_ + 1 : 0;
  const std::string what = "the server with pid " + std::to_string(pid_) + " has crashed: " + how_of(status);
  if (quick_ >= kMostQuick) {
    say("fatal", what + "; that was the fifth time in a row within ten seconds of its start, so the keeper gives up, and all connections end");
    return -1;
  }
  say("error", what + "; " + std::to_string(holdings_.connections()) + " connections are kept, and it is started again");
  return quick_ <= 1 || lived >= kServedNs ? 0 : 50 << quick_;
}

}  // namespace sluice
