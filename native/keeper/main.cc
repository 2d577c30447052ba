// sluice-keeper [--standby] PROGRAM ARGUMENTS: runs a server, and holds its sockets and the memory of its flows while it crashes and is started again
// (docs/decisions/keeper.md). It reads nothing from them. No Node, no threads, no configuration.
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "server.h"

namespace sluice {
namespace {

constexpr int kForwarded[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGQUIT};

int exit_code_of(int status) { return status == -1 ? 1 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

int open_signals() {
  sigset_t all;
  sigemptyset(&all);
  for (const int one : kForwarded) sigaddset(&all, one);
  sigaddset(&all, SIGCHLD);
  sigprocmask(SIG_BLOCK, &all, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
}

// Orphans of the server become ours, such as what an upgrade has left.
void reap(pid_t server) {
  siginfo_t ended{};
  while (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid != 0) {
    if (ended.si_pid == server) return;
    waitpid(ended.si_pid, nullptr, 0);
    ended = siginfo_t{};
  }
}

void take_signals(int from, Server& server) {
  signalfd_siginfo info;
  while (read(from, &info, sizeof info) == sizeof info) {
    const int number = static_cast<int>(info.ssi_signo);
    if (number == SIGCHLD) continue;
    if (number == SIGTERM || number == SIGINT || number == SIGQUIT) server.is_ending = true;
    // From the terminal it has reached the server already.
    if (info.ssi_code <= 0) server.pass_on(number);
  }
}

// Until then, or until somebody ends all of it. The end of a child is a signal as well.
void rest(int milliseconds, int signals, Server& server) {
  const uint64_t until = clock_ns() + static_cast<uint64_t>(milliseconds) * 1'000'000;
  while (clock_ns() < until && !server.is_ending) {
    pollfd told{signals, POLLIN, 0};
    if (poll(&told, 1, ms_until(until)) > 0) take_signals(signals, server);
  }
}

int run(std::vector<char*> command, bool has_standby) {
  prctl(PR_SET_DUMPABLE, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const int signals = open_signals();
  Server server(std::move(command), has_standby);
  if (!server.start()) return 1;
  for (;;) {
    pollfd ready[] = {{signals, POLLIN, 0}, {server.channel(), POLLIN, 0}, {server.watch(), POLLIN, 0}, {server.standby().watch(), POLLIN, 0}};
    poll(ready, 4, server.rest_ms());
    if (ready[0].revents) take_signals(signals, server);
    if (ready[1].revents) server.hear();
    if (!server.is_ending) server.tend();
    int status = -1;
    if (ready[2].revents == 0 || !server.has_ended(status)) {
      reap(server.pid());
      continue;
    }
    const bool was_told = server.is_ending || (status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    if (was_told || !server.holdings().has_will()) return exit_code_of(status);
    const int wait = server.crashed(status);
    if (wait < 0) return exit_code_of(status);
    rest(wait, signals, server);
    if (server.is_ending) return exit_code_of(status);
    if (!server.is_over()) continue;
    if (!server.start()) return 1;
  }
}

}  // namespace
}  // namespace sluice

int main(int count, char** arguments) {
  const bool has_standby = count > 1 && std::strcmp(arguments[1], "--standby") == 0;
  const int first = has_standby ? 2 : 1;
  if (count <= first) {
    sluice::say("fatal", "usage: sluice-keeper [--standby] PROGRAM [ARGUMENT]…; `SLUICE_KEEPER=on sluice` starts it");
    return 2;
  }
  return sluice::run(std::vector<char*>(arguments + first, arguments + count), has_standby);
}
