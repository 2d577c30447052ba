// The timers of requests that are proxied by numbers, in a shard whose clock the test moves.
#include <algorithm>

#include "proxy_rig.h"

namespace sluice::proxying_timers_test {
using namespace test;
using namespace proxying_test;

namespace {

constexpr uint64_t kLongestStep = 900;  // a shard that sees a longer gap is patient with its flows
constexpr uint64_t kTick = 50;

// Moves the clock to `at` milliseconds after `start`.
void go_to(ProxyRig& rig, uint64_t start, uint64_t at) {
  while (rig.time.ms < start + at) rig.pass(std::min(kLongestStep, start + at - rig.time.ms));
}

// What comes at each of these moments, and not before; a timer may be late by a tick, and by another because the clock stands still between ticks.
void comes_at(ProxyRig& rig, const Peer& peer, uint64_t start, std::initializer_list<uint64_t> moments, const std::string& part) {
  for (const uint64_t at : moments) {
    go_to(rig, start, at - 1);
    CHECK_EQ(rig.heard(peer), "");
    go_to(rig, start, at + 2 * kTick);
    CHECK_EQ(count_of(rig.heard(peer), part), 1u);
  }
}

}  // namespace

TEST("TX-1 a silent device gets an INVITE at 0, T1, 3 T1, 7 T1 ... 63 T1, never early; its caller gets 408 after 64 T1") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path(), [](EdgeConfig& config) {
    config.t1_ms = 250;
    config.branch_seconds = 16;
  });
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.add(1, edge.port());
  const uint64_t start = rig.time.ms;
  caller.send(invite().text());
  rig.hear(edge, "INVITE sip:");
  comes_at(rig, edge, start, {250, 750, 1'750, 3'750, 7'750, 15'750}, "INVITE sip:");
  CHECK(holds(rig.heard(caller), "SIP/2.0 100 "));
  comes_at(rig, caller, start, {16'000}, "SIP/2.0 408 ");
  CHECK_EQ(rig.heard(edge), "");
}

TEST("TX-1 the first copy is not repeated early because the turn that sent it had lasted long") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path(), [](EdgeConfig& config) { config.t1_ms = 250; });
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.add(1, edge.port());
  rig.time.ms += 3 * kTick;
  const uint64_t start = rig.time.ms;
  caller.send(invite().text());
  rig.hear(edge, "INVITE sip:");
  comes_at(rig, edge, start, {250, 750}, "INVITE sip:");
}

TEST("TX-3 another request is repeated at intervals up to T2, and every T2 once the device has responded") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.add(1, edge.port());
  const uint64_t start = rig.time.ms;
  caller.send(Request().text());
  std::string copy = rig.hear(edge, "MESSAGE sip:");
  comes_at(rig, edge, start, {500, 1'500, 3'500, 7'500}, "MESSAGE sip:");
  go_to(rig, start, 8'000);
  edge.send(answer_to(copy, 100));
  rig.turn();
  comes_at(rig, edge, rig.time.ms, {4'000}, "MESSAGE sip:");
  edge.send(answer_to(copy, 200));
  CHECK(holds(rig.hear(caller, "SIP/2.0 200 "), "SIP/2.0 100 "));
}

TEST("CAN-11 a device that never ends a cancelled call: 487 64 T1 after the CANCEL, or after timer B if it has never responded") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path(), [](EdgeConfig& config) {
    config.t1_ms = 100;
    config.branch_seconds = 6;
  });
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.add(1, edge.port());
  for (const bool rings : {true, false}) {
    const Request request = invite(rings ? 1 : 2);
    caller.send(request.text());
    const std::string copy = rig.hear(edge, "INVITE sip:");
    if (rings) {
      edge.send(answer_to(copy, 180));
      rig.hear(caller, "180 ");
    }
    const uint64_t start = rig.time.ms;
    caller.send(follow(request, "CANCEL"));
    rig.hear(caller, "SIP/2.0 200 ");
    if (rings) edge.send(answer_to(rig.hear(edge, "CANCEL sip:"), 200));
    rig.turn();
    go_to(rig, start, 5'900);
    CHECK(!holds(rig.heard(caller), "487"));
    go_to(rig, start, rings ? 6'500 : 6'200);
    const std::string refused = rig.hear(caller, "SIP/2.0 487 ");
    CHECK(!holds(edge.drain(), "CANCEL"));
    const std::string to = value_of(refused, "To");
    caller.send(follow(request, "ACK", to.substr(to.find("tag=") + 4)));
    rig.turn();
  }
  CHECK_EQ(rig.count(Counter::requests_held), 0);
  CHECK_EQ(rig->proxying().open_count(), 0u);
}

TEST("CAN-3 a CANCEL over UDP that comes again is answered alike for as long as it may come, although its INVITE has ended") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.add(1, edge.port());
  const Request request = invite();
  caller.send(request.text());
  const std::string copy = rig.hear(edge, "INVITE sip:");
  edge.send(answer_to(copy, 180));
  rig.hear(caller, "SIP/2.0 180 ");
  caller.send(follow(request, "CANCEL"));
  const std::string first = rig.hear(caller, "CANCEL");
  edge.send(answer_to(rig.hear(edge, "CANCEL sip:"), 200));
  edge.send(answer_to(copy, 487));
  const std::string refused = rig.hear(caller, "SIP/2.0 487 ");
  const std::string to = value_of(refused, "To");
  caller.send(follow(request, "ACK", to.substr(to.find("tag=") + 4)));
  rig.turn();
  // Beyond T4, when the INVITE itself is forgotten.
  rig.pass(5'500);
  caller.send(follow(request, "CANCEL"));
  CHECK_EQ(rig.hear(caller, "CANCEL"), first);
  rig.pass(30'000);
  caller.send(follow(request, "CANCEL"));
  // From now on it belongs to the object path, which knows no INVITE either.
  CHECK_EQ(rig.heard(caller), "");
  CHECK_EQ(rig.count(Counter::requests_held), 0);
}

TEST("PX-16.6-14 180 starts timer C again, a further 100 does not; a device that accepts although it was cancelled is heard (CAN-7)") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.add(1, edge.port());
  for (const int status : {180, 100}) {
    caller.send(invite(status).text());
    const std::string copy = rig.hear(edge, "INVITE sip:");
    edge.send(answer_to(copy, 100));
    rig.turn();
    rig.pass(kTimerCMs - 20'000);
    edge.send(answer_to(copy, status));
    rig.turn();
    rig.pass(30'000);
    CHECK_EQ(holds(rig.heard(edge), "CANCEL sip:"), status == 100);
    caller.drain();
    edge.send(answer_to(copy, 200));
    CHECK(holds(rig.hear(caller, "SIP/2.0 200 "), "INVITE"));
  }
  CHECK_EQ(rig.count(Counter::requests_held), 0);
}

}  // namespace sluice::proxying_timers_test
