#include "keeper_host.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/transport/descriptor_channel.h"
#include "core/transport/keeper_word.h"
#include "part.h"
#include "shard_host.h"

namespace sluice {
namespace {

constexpr int kKeeperPatienceMs = 10'000;

int tell_keeper(int channel, KeeperWord word) {
  const KeeperHead head{word, 0, 0, getpid()};
  DescriptorChannel keeper(channel);
  keeper.set_patience(kKeeperPatienceMs);
  return keeper.send(message_of(head), nullptr, 0);
}

// One that is gone needs no word.
Napi::Value say(const Napi::CallbackInfo& info, KeeperWord word) {
  tell_keeper(info[0].ToNumber().Int32Value(), word);
  return info.Env().Undefined();
}

// On a thread of its own, of which nobody waits for the end: thousands of descriptors take the kernel a while.
std::future<FetchedFlows> fetch(int channel, size_t shards) {
  std::packaged_task<FetchedFlows()> task([channel, shards] {
    FetchedFlows fetched;
    fetched.left.resize(shards);
    fetched.error = tell_keeper(channel, KeeperWord::ask_flows);
    if (fetched.error == 0) fetched.error = receive_left(channel, fetched.left);
    return fetched;
  });
  std::future<FetchedFlows> result = task.get_future();
  std::thread(std::move(task)).detach();
  return result;
}

std::string why_not_kept(int error) {
  if (error == 0) return "there is no keeper any more";
  if (error == ENOMEM) return "each shard maps 15 GB of addresses, of which it uses little, and that was refused: raise LimitAS (ulimit -v), or set SLUICE_KEEPER=off";
  if (error == ENOSPC) return "the system promises no more memory (vm.overcommit_memory=2): raise vm.overcommit_ratio, or set SLUICE_KEEPER=off";
  if (error == EFBIG) return "each shard has a file of 15 GB in memory, of which it uses little, and no file may be so large: raise LimitFSIZE (ulimit -f), or set SLUICE_KEEPER=off";
  return std::string("the memory for them cannot be made: ") + std::strerror(error);
}

}  // namespace

Napi::Value set_keeper(const Napi::CallbackInfo& info) {
  if (const auto cluster = find_cluster(info[0].ToNumber().Uint32Value())) cluster->keeper = info[1].ToNumber().Int32Value();
  return info.Env().Undefined();
}

Napi::Value keeper_calls(const Napi::CallbackInfo& info) {
  const int channel = info[0].ToNumber().Int32Value();
  fcntl(channel, F_SETFD, FD_CLOEXEC);
  pollfd word{channel, POLLIN, 0};
  while (poll(&word, 1, -1) < 0 && errno == EINTR) continue;
  KeeperHead head{};
  int descriptors[DescriptorChannel::kMostDescriptors];
  size_t count = 0;
  const ssize_t size = DescriptorChannel(channel).receive(reinterpret_cast<char*>(&head), sizeof head, descriptors, &count);
  return Napi::Boolean::New(info.Env(), size == sizeof head && head.word == KeeperWord::serve);
}

Napi::Value keeper_death(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int channel = info[0].ToNumber().Int32Value();
  const auto failed = [&](int error) { return Napi::Number::New(env, -error); };
  // No child of ours is to have it.
  fcntl(channel, F_SETFD, FD_CLOEXEC);
  if (const int error = tell_keeper(channel, KeeperWord::ask_will); error != 0) return failed(error);
  KeeperDeath death{};
  std::vector<char> room(kMostWillOctets);
  int descriptors[DescriptorChannel::kMostDescriptors];
  size_t count = 0;
  DescriptorChannel keeper(channel);
  const ssize_t head = keeper.receive(room.data(), room.size(), descriptors, &count);
  if (head < 0) return failed(static_cast<int>(-head));
  if (static_cast<size_t>(head) != sizeof death || count != 0) return failed(EPROTO);
  std::memcpy(&death, room.data(), sizeof death);
  Napi::Array parts = Napi::Array::New(env);
  for (uint32_t i = 0; i < death.head.count; ++i) {
    const ssize_t size = keeper.receive(room.data(), room.size(), descriptors, &count);
    if (size < 0) return failed(static_cast<int>(-size));
    parts[i] = part_object(env, Text(room.data(), static_cast<size_t>(size)), descriptors, count);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("pid", static_cast<double>(death.head.pid));
  result.Set("status", static_cast<double>(death.status));
  result.Set("crashes", static_cast<double>(death.crashes));
  result.Set("since", static_cast<double>(death.at_ns) / 1e6);
  result.Set("parts", parts);
  return result;
}

Napi::Value keeper_fetches(const Napi::CallbackInfo& info) {
  const auto cluster = find_cluster(info[0].ToNumber().Uint32Value());
  if (!cluster) return info.Env().Undefined();
  cluster->fetching = fetch(cluster->keeper, cluster->rings.size());
  return info.Env().Undefined();
}

Napi::Value keeper_flows(const Napi::CallbackInfo& info) {
  const auto cluster = find_cluster(info[0].ToNumber().Uint32Value());
  if (!cluster) return Napi::Number::New(info.Env(), EINVAL);
  if (!cluster->fetching.valid()) cluster->fetching = fetch(cluster->keeper, cluster->rings.size());
  FetchedFlows fetched = cluster->fetching.get();
  for (LeftFlows& left : cluster->left) left.drop();
  cluster->left = std::move(fetched.left);
  return Napi::Number::New(info.Env(), fetched.error);
}

Napi::Value keeper_will(const Napi::CallbackInfo& info) {
  const std::string text = info[3].ToString();
  const KeeperHead head{KeeperWord::will, info[1].ToNumber().Uint32Value(), info[2].ToNumber().Uint32Value(), getpid()};
  const std::string octets = std::string(message_of(head)) + text;
  return Napi::Number::New(info.Env(), octets.size() > kMostWillOctets ? E2BIG : send_part(info[0].ToNumber().Int32Value(), octets, info[4], kKeeperPatienceMs));
}

Napi::Value keeper_farewell(const Napi::CallbackInfo& info) { return say(info, KeeperWord::farewell); }
Napi::Value keeper_forgets(const Napi::CallbackInfo& info) { return say(info, KeeperWord::forget); }

Napi::Value keeper_lives(const Napi::CallbackInfo& info) {
  pollfd end{info[0].ToNumber().Int32Value(), 0, 0};
  return Napi::Boolean::New(info.Env(), poll(&end, 1, 0) == 0);
}

// keepFlows(): the keeper gets to know a shard that is new; a text: it cannot
Napi::Value ShardHost::keep_flows(const Napi::CallbackInfo& info, Shard& shard) {
  if (running_->cluster->keeper < 0) return info.Env().Undefined();
  shard.kept().tell_memory(false);
  if (shard.kept().is_on()) return info.Env().Undefined();
  return Napi::String::New(info.Env(), why_not_kept(running_->keep_error));
}

// revive(): {kept, lost, messages, requests, fault?}, of the process that crashed
Napi::Value ShardHost::revive(const Napi::CallbackInfo& info, Shard& shard) {
  Napi::Object result = Napi::Object::New(info.Env());
  RevivedCounts counts;
  Cluster& cluster = *running_->cluster;
  LeftFlows left = cluster.take_left(shard.config().shard);
  if (left.memory >= 0) {
    const char* const fault = shard.revive(left.memory, std::exchange(left.flows, {}), counts);
    if (fault != nullptr) result.Set("fault", Napi::String::New(info.Env(), fault));
  }
  left.drop();
  // Before it says anything over them: what the other process has left is old from then on.
  shard.kept().settle();
  shard.kept().tell_memory(true);
  result.Set("kept", static_cast<double>(counts.kept));
  result.Set("lost", static_cast<double>(counts.lost));
  result.Set("messages", static_cast<double>(counts.messages));
  result.Set("requests", static_cast<double>(counts.requests));
  return result;
}

}  // namespace sluice
