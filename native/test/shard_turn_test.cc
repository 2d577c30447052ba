// How much one turn may do, and that the rest is done later.
#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/base/now_ns.h"
#include "shard_rig.h"
#include "tls_doubles.h"

namespace sluice::shard_turn_test {
using namespace test;

// A handshake that takes a millisecond and is never over.
struct SlowTls final : ClearTls {
  TlsResult receive(Text& wire, char*, size_t, size_t& size, std::vector<char>&) noexcept override {
    for (const uint64_t end = now_ns() + 1'000'000; now_ns() < end;) continue;
    wire = Text();
    size = 0;
    return TlsResult::ok;
  }
};

TEST("an edge takes batches of 64 messages; a home of four while one needs the object path, and of up to 24 while none does") {
  const auto batches = [](bool home, Action action) {
    ShardRig rig([&](EdgeConfig& config) { config.home = home; });
    const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
    rig.policy = [&](unsigned, const int32_t*, int32_t* verdict) {
      verdict[kVerdict_action] = static_cast<int32_t>(action);
      return true;
    };
    for (int i = 0; i < 64; ++i) client.send(Request{.number = i}.text());
    std::vector<unsigned> sizes;
    const auto take = [&] {
      sizes.push_back(rig->collect());
      rig.decide(sizes.back());
      rig->execute();
    };
    for (unsigned taken = 0; taken < 64; taken += sizes.back()) take();
    // One message for the object path is enough to make them small again.
    action = Action::object;
    client.send(Request{.number = 100}.text());
    take();
    for (int i = 0; i < 8; ++i) client.send(Request{.number = 200 + i}.text());
    client.send(Request{.number = 300}.text());
    take();
    rig.turn();
    CHECK_EQ(rig.count(Counter::requests_in), 64 + 1 + 9);
    return sizes;
  };
  CHECK((batches(false, Action::drop) == std::vector<unsigned>{64, 1, 9}));
  CHECK((batches(true, Action::drop) == std::vector<unsigned>{4, 8, 16, 24, 12, 1, 4}));
  std::vector<unsigned> fours(16, 4);
  fours.insert(fours.end(), {1, 4});
  CHECK((batches(true, Action::object) == fours));
}

TEST("connections that time out together are closed over several turns, without exception") {
  ShardRig rig;
  std::vector<Peer> clients;
  for (int i = 0; i < 400; ++i) {
    clients.push_back(Peer::tcp(rig.port(ShardRig::kClientTcp)));
    if (i % 50 == 0) rig.turn();
  }
  CHECK(rig.until([&] { return rig.count(Counter::stream_flows) == 400; }));
  // In steps too short to count as a pause.
  const uint64_t seconds = rig->config().limits.first_message_seconds;
  for (uint64_t ms = 0; ms < seconds * 1000; ms += 900) {
    rig.time.ms += 900;
    usleep(55'000);
    rig->await(0);
    if (rig.count(Counter::stream_flows) < 400) break;
  }
  const int64_t left = rig.count(Counter::stream_flows);
  CHECK(left < 400 && left >= 400 - 64);
  CHECK(rig.until([&] { return rig.count(Counter::stream_flows) == 0; }));
}

TEST("OB-7-13 if another shard's ring is full, it learns later that a flow has ended") {
  const auto rings = std::make_shared<Rings>(2, 4096);
  const auto home = [](EdgeConfig& config) { config.home = true; };
  ShardRig teller(home, rings, 0);
  ShardRig hearer(home, rings, 1);
  for (int i = 0; i < 500; ++i) teller->object_events().flow_ended("s/1/0/7/" + std::to_string(i) + "/1");
  CHECK(teller.count(Counter::ring_full) > 0);
  std::set<std::string> heard;
  for (int i = 0; i < 200 && heard.size() < 500; ++i) {
    hearer.turn();
    for (std::vector<ObjectEvent> some; !(some = hearer->object_events().take(32)).empty();) {
      CHECK(some.size() <= 32);
      for (const ObjectEvent& event : some) CHECK(heard.insert(event.text).second);
    }
    teller.pass(50);
  }
  CHECK_EQ(heard.size(), 500u);
  CHECK_EQ(teller.count(Counter::object_events_lost), 0);
}

TEST("of a large batch the object path gets four messages a turn; the others follow in the next turns, once and in their order") {
  ShardRig rig([](EdgeConfig& config) { config.home = true; });
  const Peer core = Peer::udp(rig.port(ShardRig::kCoreUdp));
  Action action = Action::drop;
  rig.policy = [&](unsigned, const int32_t*, int32_t* verdict) {
    verdict[kVerdict_action] = static_cast<int32_t>(action);
    return true;
  };
  for (int number = 1; number <= 100; ++number) core.send(Request{.number = number}.text());
  CHECK(rig.until([&] { return rig.count(Counter::dropped) == 100; }));
  action = Action::object;
  for (int number = 101; number <= 124; ++number) core.send(Request{.number = number}.text());
  std::vector<std::string> taken;
  unsigned largest = 0;
  for (int tries = 0; tries < 2'000 && taken.size() < 24; ++tries) {
    const unsigned count = rig->collect();
    if (count == 0) {
      usleep(500);
      continue;
    }
    largest = std::max(largest, count);
    rig.decide(count);
    rig->spread_objects();
    unsigned objects = 0;
    for (unsigned i = 0; i < count; ++i) {
      if (rig->turn().verdict(i)[kVerdict_action] != static_cast<int32_t>(Action::object)) continue;
      const Message& message = rig->turn().item(i).message;
      taken.emplace_back(message.text(message.call_id));
      ++objects;
    }
    CHECK(objects <= 4);
    rig->execute();
  }
  CHECK(largest > 4);
  CHECK_EQ(taken.size(), 24u);
  for (size_t i = 0; i < taken.size(); ++i) CHECK_EQ(taken[i], "c" + std::to_string(101 + i));
  CHECK_EQ(rig.count(Counter::object_messages), 24);
  CHECK_EQ(rig.count(Counter::requests_in), 124);
  CHECK_EQ(rig.count(Counter::dropped), 100);
}

TEST("TR-27 while many handshakes are ready, the core is heard in the next turn, over UDP and over the connection to it, and so is libuv") {
  for (const Transport transport : {Transport::udp, Transport::tcp}) {
    ShardRig rig;
    rig->set_tls(std::make_unique<TlsDoubles<SlowTls>>());
    Peer core = transport == Transport::udp ? Peer::udp(rig.port(ShardRig::kCoreUdp)) : Peer::listening();
    if (transport == Transport::tcp) {
      rig.upstreams({{Transport::tcp, core.port()}});
      Peer::udp(rig.port(ShardRig::kClientUdp)).send(Request{.number = 500}.text());
      core = rig.accept(core);
    }
    std::vector<Peer> clients;
    for (int i = 0; i < 60; ++i) clients.push_back(Peer::tcp(rig.port(ShardRig::kClientTls)));
    CHECK(rig.until([&] { return rig.count(Counter::handshakes) == 60; }));
    rig->take_loop_ready();
    for (const Peer& client : clients) client.send("H");
    const int64_t before = rig.count(Counter::requests_in);
    int turns = 0;
    // epoll names it after all of them.
    core.send(Request{.transport = transport == Transport::udp ? "UDP" : "TCP"}.text());
    for (; turns < 4 && rig.count(Counter::requests_in) == before; ++turns) {
      rig.decide(rig->await(0));
      rig->execute();
    }
    CHECK_EQ(rig.count(Counter::requests_in), before + 1);
    CHECK(turns > 1);
    CHECK(rig->take_loop_ready());
  }
}

}  // namespace sluice::shard_turn_test
