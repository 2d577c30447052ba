#include "child.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

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

}  // namespace sluice
