// What the threads of a process share, used by several at once. `npm run test:threads` runs these under ThreadSanitizer, which detects
// unsynchronised access even when the result happens to be right.
#include <atomic>
#include <thread>

#include "core/base/recent_set.h"
#include "core/flow/flow_owners.h"
#include "core/home/login_guard.h"
#include "core/home/nonce_table.h"
#include "shard_rig.h"

namespace sluice::threads_test {
using namespace test;

namespace {

constexpr size_t kThreads = 4;

// Runs `work(i)` on kThreads threads at once.
template <typename Work>
void at_once(Work&& work) {
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) threads.emplace_back([&work, i] { work(i); });
  for (std::thread& thread : threads) thread.join();
}

// Shards that take turns on their own threads until the end of the scope.
class Running {
 public:
  explicit Running(std::initializer_list<ShardRig*> rigs) {
    for (ShardRig* rig : rigs)
      threads_.emplace_back([this, rig] {
        while (!stop_) {
          rig->turn();
          usleep(200);
        }
      });
  }
  ~Running() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

// Waits for something that the shards do on their threads.
bool comes(const std::function<bool()>& is_true) {
  for (int i = 0; i < 20'000; ++i) {
    if (is_true()) return true;
    usleep(500);
  }
  return false;
}

FlowName flow_of(uint32_t slot) {
  FlowName name;
  name.kind = FlowKind::stream;
  name.boot = 7;
  name.slot = slot;
  name.generation = slot + 1;
  return name;
}

}  // namespace

TEST("SA-6 shards on their own threads relay to each other over the rings, and in the end no source holds anything") {
  constexpr int kRequests = 200;
  const auto rings = std::make_shared<Rings>(2);
  uint16_t core_port = 0;
  {
    ShardRig first([&](EdgeConfig& config) { core_port = config.listeners[ShardRig::kCoreUdp].bound.port; }, rings, 0);
    ShardRig second([&](EdgeConfig& config) { config.aliases.push_back(first->config().listeners[ShardRig::kCoreUdp].bound); }, rings, 1);
    const Peer client = Peer::tcp(second.port(ShardRig::kClientTcp));
    second.turn();
    const std::string route = first.route_to(second.flow(FlowKind::stream), ShardRig::kCoreUdp, 1);
    const Peer core = Peer::bound(SOCK_DGRAM);
    std::string requests, answers;
    size_t answered = 0;
    Running running{&first, &second};
    for (int i = 0; i < kRequests; ++i) {
      core.send_to(core_port, Request{.number = i, .lines = route}.text());
      // Meanwhile others come and go on both shards.
      const Peer passing = Peer::tcp((i % 2 != 0 ? first : second).port(ShardRig::kClientTcp));
      const Peer datagrams = Peer::udp((i % 2 != 0 ? first : second).port(ShardRig::kClientUdp));
      passing.send("\r\n\r\n");
      datagrams.send(Request{.method = "REGISTER", .number = 1000 + i}.text());
      if (i % 20 != 19) continue;
      CHECK(comes([&] {
        requests += client.drain();
        for (size_t end; (end = requests.find("\r\n\r\n")) != std::string::npos; requests.erase(0, end + 4)) {
          client.send(answer_to(requests.substr(0, end + 4), 200));
          ++answered;
        }
        return answered == static_cast<size_t>(i) + 1;
      }));
    }
    CHECK(comes([&] { return count_of(answers += core.drain(), "SIP/2.0 200") == kRequests; }));
  }
  CHECK_EQ(rings->commons.shares.sources(), 0u);
  for (const Holding what : {Holding::connection, Holding::udp_flow}) CHECK_EQ(rings->commons.shares.held(what), 0u);
}

TEST("SA-8 connections are refused as soon as another thread stops the listeners, and live flows go on") {
  ListenerSockets sockets;
  std::vector<ListenerSockets::Place> places;
  for (int i = 0; i < 2; ++i) places.push_back({Transport::tcp, address("127.0.0.1", Peer::bound(SOCK_STREAM).port())});
  ListenerSockets::Failed failed;
  CHECK_EQ(sockets.open(places, kThreads, &failed), 0);
  std::atomic<size_t> accepted{0};
  std::atomic<bool> stopped{false};
  std::vector<Peer> clients;
  std::thread callers([&] {
    while (!stopped) {
      for (const ListenerSockets::Place& place : places) {
        const Peer peer(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in at = loopback(place.address.port);
        connect(peer.fd(), reinterpret_cast<sockaddr*>(&at), sizeof at);
      }
      usleep(500);
    }
  });
  std::thread stopper([&] {
    comes([&] { return accepted > 50; });
    sockets.stop_accepting();
  });
  at_once([&](size_t shard) {
    bool open = true;
    while (open) {
      for (const int fd : sockets.of(shard)) {
        const int one = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (one >= 0) {
          ++accepted;
          close(one);
        } else if (errno == EINVAL) {
          open = false;
        }
      }
      usleep(200);
    }
  });
  stopped = true;
  callers.join();
  stopper.join();
  CHECK(accepted > 50);
}

TEST("AU-9 nonces that several threads make, check and use are all different, and each count is used once") {
  uint8_t seed[64] = {1};
  NonceTable table(seed, 0, 16);
  const Address client = address("192.0.2.1", 5060);
  std::array<std::vector<std::string>, kThreads> made;
  std::atomic<size_t> fresh{0}, taken{0};
  at_once([&](size_t mine) {
    for (uint64_t i = 0; i < 2'000; ++i) {
      std::string nonce(kNonceText, ' ');
      table.make("example.org", client, i, nonce.data());
      fresh += table.is_fresh(nonce, "example.org", client, i, 1'000);
      taken += table.use(nonce, "bob", 1);
      taken += table.use(nonce, "bob", 1);
      made[mine].push_back(std::move(nonce));
    }
  });
  std::vector<std::string> all;
  for (const auto& some : made) all.insert(all.end(), some.begin(), some.end());
  std::sort(all.begin(), all.end());
  CHECK(std::unique(all.begin(), all.end()) == all.end());
  CHECK_EQ(fresh.load(), kThreads * 2'000);
  // The memory is small, so some nonces made at an earlier time already count as used.
  CHECK(taken.load() <= kThreads * 2'000 && taken.load() > 2'000);
  CHECK_EQ(table.held(), uint64_t{16 * 64});
}

TEST("AU-17 failures counted by several threads are all counted") {
  LoginGuard guard(SipKey{1, 2});
  const Address thief = address("192.0.2.1", 5060);
  at_once([&](size_t mine) {
    const std::string user = "user" + std::to_string(mine);
    guard.proved(address("192.0.2.2", 5060), user, 1'000);
    for (uint32_t i = 0; i < LoginGuard::kSourceBurst / kThreads; ++i) guard.failed(thief, user, 1'000);
  });
  const uint32_t left = LoginGuard::kSourceBurst % kThreads;
  for (uint32_t i = 0; i < left; ++i) {
    CHECK(guard.may_try(thief, "somebody", 1'000));
    guard.failed(thief, "somebody", 1'000);
  }
  CHECK(!guard.may_try(thief, "somebody", 1'000));
  for (size_t i = 0; i < kThreads; ++i) CHECK(guard.may_try(address("192.0.2.2", 5060), "user" + std::to_string(i), 1'000));
}

TEST("all threads find who registered over a flow, and never anyone else, although the oldest entries give way") {
  FlowOwners owners(SipKey{1, 2}, 256 << 10);
  std::atomic<size_t> known{0}, wrong{0};
  at_once([&](size_t mine) {
    for (uint32_t i = 0; i < 20'000; ++i) {
      const uint32_t slot = i % 5'000 + 1;
      if (i % kThreads == mine) owners.put(flow_of(slot), "owner of " + std::to_string(slot));
      const std::string owner = owners.find(flow_of(slot));
      if (owner.empty()) continue;
      ++known;
      if (owner != "owner of " + std::to_string(slot)) ++wrong;
    }
  });
  CHECK(known > 0);
  CHECK_EQ(wrong.load(), 0u);
}

TEST("all threads see a recent event until it expires or is removed") {
  RecentSet set;
  constexpr auto hash_of = [](uint64_t i) { return i * 0x9E3779B97F4A7C15u; };
  at_once([&](size_t mine) {
    for (uint64_t i = 0; i < 20'000; ++i) {
      set.add(hash_of(i), 1'000);
      set.holds(hash_of(i * 7 % 20'000), 1'001, 10);
      if (i % kThreads == mine) set.remove(hash_of(i));
    }
  });
  set.add(hash_of(1), 1'000);
  CHECK(set.holds(hash_of(1), 1'009, 10));
  CHECK(!set.holds(hash_of(1), 1'010, 10));
  CHECK(!set.holds(hash_of(1) ^ (uint64_t{1} << 40), 1'009, 10));
  set.remove(hash_of(1));
  CHECK(!set.holds(hash_of(1), 1'009, 10));
}

}  // namespace sluice::threads_test
