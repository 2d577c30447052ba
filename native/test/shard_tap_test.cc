// Copies of messages for the operator.
#include <algorithm>

#include "core/shard/tap.h"
#include "shard_rig.h"

namespace sluice::shard_tap_test {
using namespace test;

namespace {

// The copies a tap has taken: "in" or "out" and the start line.
std::vector<std::string> copies(ShardRig& rig) {
  std::vector<std::string> found;
  const std::vector<char> octets = rig->tap().drain();
  for (size_t at = 0; at < octets.size();) {
    TapHead head;
    std::memcpy(&head, octets.data() + at, sizeof head);
    const std::string text(octets.data() + at + sizeof head, head.size);
    found.push_back((head.sent ? "out " : "in ") + text.substr(0, text.find("\r\n")));
    at += sizeof head + head.size;
  }
  return found;
}

}  // namespace

TEST("SA-16 a tap copies what its filters match, both ways, and nothing without filters") {
  Scene scene;
  ShardRig& rig = scene.rig;
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  const auto exchange = [&](int number) {
    client.send(Request{.number = number}.text());
    const std::string request = rig.hear(scene.core, "Call-ID: c" + std::to_string(number) + "\r\n");
    scene.core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(request, 200));
    rig.hear(client, "SIP/2.0 200");
    return copies(rig);
  };
  CHECK(exchange(1).empty());
  TapFilter call;
  call.kind = TapFilter::call_id;
  call.text = "c2";
  rig->tap().set({call});
  CHECK(exchange(1).empty());
  const std::vector<std::string> whole = {"in MESSAGE sip:bob@example.com SIP/2.0", "out MESSAGE sip:bob@example.com SIP/2.0", "in SIP/2.0 200 Whatever", "out SIP/2.0 200 Whatever"};
  CHECK(exchange(2) == whole);
  TapFilter peer;
  peer.kind = TapFilter::address;
  peer.peer = address("127.0.0.1", client.port());
  rig->tap().set({peer});
  const std::vector<std::string> seen = exchange(3);
  CHECK(std::find(seen.begin(), seen.end(), whole[0]) != seen.end() && std::find(seen.begin(), seen.end(), whole[3]) != seen.end());
  TapFilter aor;
  aor.kind = TapFilter::aor;
  aor.text = "bob@example.com";
  rig->tap().set({aor, call});
  CHECK(exchange(4) == whole);
  TapFilter all;
  rig->tap().set({all});
  CHECK(exchange(5) == whole);
  // Our own responses too.
  rig.policy = [](unsigned, const int32_t*, int32_t* verdict) {
    verdict[kVerdict_action] = static_cast<int32_t>(Action::reply);
    verdict[kVerdict_status] = 404;
    return true;
  };
  client.send(Request{.number = 6}.text());
  rig.hear(client, "SIP/2.0 404");
  CHECK((copies(rig) == std::vector<std::string>{whole[0], "out SIP/2.0 404 Not Found"}));
  const Peer stream = Peer::tcp(rig.port(ShardRig::kClientTcp));
  stream.send(Request{.number = 7, .transport = "TCP"}.text());
  rig.hear(stream, "SIP/2.0 404");
  CHECK_EQ(copies(rig).size(), 2u);
  rig->tap().set({});
  CHECK(copies(rig).empty());
}

TEST("requests that the object path sends to a flow are copied, and so are the responses") {
  Scene scene([](EdgeConfig& config) { config.home = true; });
  ShardRig& rig = scene.rig;
  rig.clients_hear_us();
  rig->tap().set({TapFilter()});
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  const Peer datagrams = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.turn();
  const FlowHandle flow = rig.flow(FlowKind::stream);
  for (const std::string& id : {"s/1/0/7/" + std::to_string(flow.slot) + "/" + std::to_string(flow.generation),
                                "u/127.0.0.1/" + std::to_string(rig.port(ShardRig::kClientUdp)) + "/127.0.0.1/" + std::to_string(datagrams.port())}) {
    CHECK(rig->object().send_to_flow(id, Request().text()));
    rig->object().answer_flow(id, answer_to(Request().text(), 180), false);
    rig->settle();
    CHECK((copies(rig) == std::vector<std::string>{"out MESSAGE sip:bob@example.com SIP/2.0", "out SIP/2.0 180 Whatever"}));
  }
}

TEST("copies that nobody fetches are lost once the tap is full, and counted") {
  Scene scene;
  ShardRig& rig = scene.rig;
  rig->tap().set({TapFilter()});
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  for (int i = 0; i < 100; ++i) {
    client.send(Request{.number = i, .body = std::string(30'000, 'b')}.text());
    rig.turn();
    scene.core.drain();
  }
  CHECK(copies(rig).size() < 200);
  CHECK(rig.count(Counter::tapped_lost) > 0);
}

}  // namespace sluice::shard_tap_test
