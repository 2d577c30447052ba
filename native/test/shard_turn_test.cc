// How much one turn may do, and that the rest is done later.
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "shard_rig.h"

namespace sluice::shard_turn_test {
using namespace test;

TEST("an edge takes batches of 64 messages, a home batches of eight, because there one may cost as much as a hundred") {
  for (const bool home : {false, true}) {
    ShardRig rig([&](EdgeConfig& config) { config.home = home; });
    const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
    for (int i = 0; i < 64; ++i) client.send(Request{.number = i}.text());
    const unsigned most = home ? 8 : 64;
    for (unsigned taken = 0; taken < 64; taken += most) {
      CHECK_EQ(rig->collect(), most);
      rig->execute();
    }
    rig.turn();
    CHECK_EQ(rig.count(Counter::requests_in), 64);
  }
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

}  // namespace sluice::shard_turn_test
