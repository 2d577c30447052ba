#include "succession.h"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "cluster.h"
#include "core/shard/move_channel.h"
#include "core/sip/address.h"
#include "core/transport/descriptor_channel.h"
#include "core/transport/socket_option.h"
#include "part.h"

namespace sluice {
namespace {

constexpr size_t kMostText = 64 << 10;
constexpr int kBacklog = 512;
constexpr int kPatienceMs = 5'000;
constexpr int kForwarded[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGQUIT};

std::atomic<pid_t> stands_for{0};

// Ignored by whoever does not know it, such as an earlier version that stands in.
constexpr int kHeirSignal = SIGURG;

// From the terminal (SI_KERNEL) it has reached the whole process group already.
void pass_on(int signal, siginfo_t* info, void*) {
  if (info->si_code <= 0) kill(stands_for, signal);
}

// The process that this one stands for ends, and names the one that comes after it. It goes on passing signals to that one itself until it hears
// that they go there directly now, so none is lost.
void take_heir(int, siginfo_t* info, void*) {
  if (info->si_code != SI_QUEUE || info->si_pid != stands_for || info->si_value.sival_int <= 0) return;
  stands_for = info->si_value.sival_int;
  kill(info->si_pid, kHeirSignal);
}

void catch_forwarded() {
  struct sigaction action{};
  action.sa_sigaction = pass_on;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  // None of them interrupts another: what came before the heir was named goes to the one before.
  for (int signal : kForwarded) sigaddset(&action.sa_mask, signal);
  sigaddset(&action.sa_mask, kHeirSignal);
  for (int signal : kForwarded) sigaction(signal, &action, nullptr);
  action.sa_sigaction = take_heir;
  sigaction(kHeirSignal, &action, nullptr);
}

// A child of ours that runs; 0: there is none.
pid_t any_child() noexcept {
  DIR* folder = opendir("/proc");
  if (folder == nullptr) return 0;
  pid_t found = 0;
  while (const dirent* entry = readdir(folder)) {
    const pid_t pid = std::atoi(entry->d_name);
    if (pid <= 0) continue;
    FILE* file = std::fopen(("/proc/" + std::string(entry->d_name) + "/stat").c_str(), "r");
    if (file == nullptr) continue;
    char line[512];
    const size_t size = std::fread(line, 1, sizeof line - 1, file);
    std::fclose(file);
    line[size] = '\0';
    // The program's name, which may contain anything, ends at the last parenthesis.
    const char* rest = std::strrchr(line, ')');
    char state;
    int parent;
    if (rest == nullptr || std::sscanf(rest + 1, " %c %d", &state, &parent) != 2 || parent != getpid() || state == 'Z') continue;
    found = pid;
    break;
  }
  closedir(folder);
  return found;
}

}  // namespace

Napi::Value socket_pair(const Napi::CallbackInfo& info) {
  int ends[2];
  if (const int error = DescriptorChannel::open(ends); error != 0) return Napi::Number::New(info.Env(), error);
  return descriptor_list(info.Env(), ends, 2);
}

Napi::Value send_descriptors(const Napi::CallbackInfo& info) {
  const std::string text = info[1].ToString();
  return Napi::Number::New(info.Env(), send_part(info[0].ToNumber().Int32Value(), text, info[2], kPatienceMs));
}

Napi::Value receive_descriptors(const Napi::CallbackInfo& info) {
  std::vector<char> room(kMostText);
  int descriptors[DescriptorChannel::kMostDescriptors];
  size_t count = 0;
  DescriptorChannel channel(info[0].ToNumber().Int32Value());
  channel.set_patience(kPatienceMs);
  const ssize_t size = channel.receive(room.data(), room.size(), descriptors, &count);
  if (size < 0) return Napi::Number::New(info.Env(), static_cast<double>(size));
  return part_object(info.Env(), Text(room.data(), static_cast<size_t>(size)), descriptors, count);
}

Napi::Value cluster_sockets(const Napi::CallbackInfo& info) {
  const auto cluster = find_cluster(info[0].ToNumber().Uint32Value());
  const size_t shards = cluster ? cluster->rings.size() : 0;
  Napi::Array result = Napi::Array::New(info.Env(), shards);
  for (uint32_t shard = 0; shard < shards; ++shard) {
    const std::vector<int>& own = cluster->sockets.of(shard);
    result[shard] = descriptor_list(info.Env(), own.data(), own.size());
  }
  return result;
}

Napi::Value send_commons_ahead(const Napi::CallbackInfo& info) {
  const auto cluster = find_cluster(info[0].ToNumber().Uint32Value());
  if (!cluster) return Napi::Number::New(info.Env(), 0);
  MoveSender sender(info[1].ToNumber().Int32Value(), nullptr);
  sender.set_patience(kPatienceMs);
  const uint32_t layout = info[3].ToNumber().Uint32Value();
  ImageWriter flows(ImageOf::process, layout);
  cluster->flows.freeze(flows, true);
  int error = sender.octets(Piece::commons, flows.seal());
  if (info[2].ToBoolean() && error == 0) {
    ImageWriter logins(ImageOf::logins, layout);
    cluster->freeze_logins(logins, true);
    error = sender.octets(Piece::logins, logins.seal());
  }
  return Napi::Number::New(info.Env(), error);
}

Napi::Value listen_tcp(const Napi::CallbackInfo& info) {
  const auto result = [&](int value) { return Napi::Number::New(info.Env(), value); };
  Address address;
  if (!parse_ip(info[0].ToString().Utf8Value(), address)) return result(-EINVAL);
  address.port = static_cast<uint16_t>(info[1].ToNumber().Uint32Value());
  const bool v6 = !address.is_v4();
  const int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return result(-errno);
  set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (v6) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  sockaddr_storage name;
  const socklen_t size = to_sockaddr(address, v6, &name);
  if (bind(fd, reinterpret_cast<sockaddr*>(&name), size) == 0 && listen(fd, kBacklog) == 0) return result(fd);
  const int error = errno;
  close(fd);
  return result(-error);
}

Napi::Value duplicate(const Napi::CallbackInfo& info) {
  const int copy = fcntl(info[0].ToNumber().Int32Value(), F_DUPFD_CLOEXEC, 0);
  return Napi::Number::New(info.Env(), copy < 0 ? -errno : copy);
}

Napi::Value end_with_parent(const Napi::CallbackInfo& info) {
  const pid_t parent = getppid();
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  // It may have ended just before.
  if (getppid() != parent) raise(SIGTERM);
  return info.Env().Undefined();
}

Napi::Value pass_signals(const Napi::CallbackInfo& info) {
  stands_for = info[0].ToNumber().Int32Value();
  catch_forwarded();
  return info.Env().Undefined();
}

Napi::Value name_heir(const Napi::CallbackInfo& info) {
  sigval value{};
  value.sival_int = info[0].ToNumber().Int32Value();
  return Napi::Boolean::New(info.Env(), sigqueue(getppid(), kHeirSignal, value) == 0);
}

Napi::Value stand_in(const Napi::CallbackInfo& info) {
  // What that child starts in its place becomes our child when it ends.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  for (;;) {
    int status = 0;
    const pid_t ended = waitpid(-1, &status, 0);
    if (ended < 0 && errno == EINTR) continue;
    if (ended > 0 && ended != stands_for) continue;
    // It was killed before it could name another.
    if (const pid_t next = any_child(); ended > 0 && next > 0) {
      stands_for = next;
      continue;
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  }
}

}  // namespace sluice
