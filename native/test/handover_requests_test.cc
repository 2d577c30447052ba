// Requests that are under way while a shard goes over to another process: each gets its response, once, and retransmissions go on.
#include "handover_rig.h"

namespace sluice::handover_requests_test {
using namespace test;

namespace {

#define EITHER_WAY(fails) for (const bool fails : {false, true})

}  // namespace

TEST("TX-1 a request that is repeated until answered goes on with its timers, and gets its response") {
  EITHER_WAY(fails) {
    Generations all([](EdgeConfig& config) { config.t1_ms = 500; });
    const Peer core = Peer::bound(SOCK_DGRAM);
    all.prepare([&](ShardRig& rig) { rig.upstreams({{Transport::udp, core.port()}}); });
    const Peer client = Peer::tcp(all.now().port(ShardRig::kClientTcp));
    client.send(Request{.method = "INVITE", .transport = "TCP"}.text());
    const std::string request = all.now().hear(core, "INVITE sip:");
    all.now().pass(300);
    all.go(fails);
    CHECK_EQ(all.now()->pending(), 1u);
    all.now().pass(100);
    CHECK_EQ(core.drain(), "");
    all.now().pass(200);
    CHECK_EQ(all.now().hear(core, "INVITE sip:"), request);
    core.send_to(all.now().port(ShardRig::kCoreUdp), answer_to(request, 180));
    CHECK_EQ(count_of(all.now().hear(client, "SIP/2.0"), "SIP/2.0 180"), 1u);
    all.go(fails);
    core.send_to(all.now().port(ShardRig::kCoreUdp), answer_to(request, 200));
    CHECK_EQ(count_of(all.now().hear(client, "SIP/2.0"), "SIP/2.0 200"), 1u);
    CHECK_EQ(all.now()->pending(), 0u);
    CHECK_EQ(all.now().count(Counter::pending), 0);
  }
}

TEST("TX-1 a request that nobody answers fails with 408 in the process that has it by then") {
  Generations all([](EdgeConfig& config) { config.t1_ms = 500; });
  const Peer core = Peer::bound(SOCK_DGRAM);
  all.prepare([&](ShardRig& rig) { rig.upstreams({{Transport::udp, core.port()}}); });
  const Peer client = Peer::tcp(all.now().port(ShardRig::kClientTcp));
  client.send(Request{.method = "INVITE", .transport = "TCP"}.text());
  all.now().hear(core, "INVITE sip:");
  all.now().pass(20'000);
  all.upgrade();
  all.now().pass(13'000);
  CHECK_EQ(count_of(all.now().hear(client, "SIP/2.0"), "SIP/2.0 408"), 1u);
  CHECK_EQ(all.before()->pending(), 0u);
  CHECK_EQ(client.drain(), "");
}

TEST("TX-8 a remembered response is repeated by the next process") {
  EITHER_WAY(fails) {
    Generations all;
    const Peer core = Peer::listening();
    all.prepare([&](ShardRig& rig) { rig.upstreams({{Transport::tcp, core.port()}}); });
    const Peer client = Peer::udp(all.now().port(ShardRig::kClientUdp));
    const std::string asked = Request{.method = "INVITE"}.text();
    client.send(asked);
    all.now().turn();
    const Peer connection = all.now().accept(core);
    const std::string request = all.now().hear(connection, "INVITE sip:");
    all.go(fails);
    client.send(asked);
    all.now().turn();
    CHECK_EQ(connection.drain(), "");
    // The response comes in two parts, with a hand-over in between.
    const std::string answer = answer_to(request, 486);
    connection.send(answer.substr(0, 100));
    all.now().turn();
    all.go(fails);
    connection.send(answer.substr(100));
    const std::string busy = all.now().hear(client, "SIP/2.0 486");
    CHECK_EQ(count_of(busy, "SIP/2.0 486"), 1u);
    all.go(fails);
    client.send(asked);
    CHECK_EQ(all.now().hear(client, "SIP/2.0 486"), busy);
    CHECK_EQ(connection.drain(), "");
    all.now().pass(33'000);
    CHECK_EQ(all.now()->pending(), 0u);
  }
}

TEST("OB-5.3.1-9 a request that waits on a phone gets its response, or 430 when the connection ends, whichever process has it") {
  EITHER_WAY(fails) {
    Generations all;
    const Peer core = Peer::bound(SOCK_DGRAM);
    Peer phone = Peer::tcp(all.now().port(ShardRig::kClientTcp));
    all.now().turn();
    const std::string route = all.now().route_to(all.now().flow(FlowKind::stream), ShardRig::kCoreUdp);
    core.send_to(all.now().port(ShardRig::kCoreUdp), Request{.method = "INVITE", .number = 1, .lines = route}.text());
    const std::string first = all.now().hear(phone, "INVITE sip:");
    phone.send(answer_to(first, 180));
    all.now().hear(core, "SIP/2.0 180");
    all.go(fails);
    core.send_to(all.now().port(ShardRig::kCoreUdp), Request{.method = "INVITE", .number = 2, .lines = route}.text());
    const std::string second = all.now().hear(phone, "INVITE sip:");
    all.go(fails);
    phone.send(answer_to(first, 200));
    CHECK_EQ(count_of(all.now().hear(core, "SIP/2.0"), "SIP/2.0 200"), 1u);
    phone.close();
    const std::string end = all.now().hear(core, "SIP/2.0");
    CHECK_EQ(count_of(end, "SIP/2.0 430"), 1u);
    CHECK(holds(end, "Call-ID: c2\r\n"));
    CHECK_EQ(core.drain(), "");
  }
}

TEST("a CANCEL and the 487 find their way after a hand-over between INVITE and CANCEL") {
  Generations all;
  const Peer core = Peer::bound(SOCK_DGRAM);
  all.prepare([&](ShardRig& rig) { rig.upstreams({{Transport::udp, core.port()}}); });
  const Peer client = Peer::tcp(all.now().port(ShardRig::kClientTcp));
  client.send(Request{.method = "INVITE", .transport = "TCP"}.text());
  const std::string invite = all.now().hear(core, "INVITE sip:");
  core.send_to(all.now().port(ShardRig::kCoreUdp), answer_to(invite, 180));
  all.now().hear(client, "SIP/2.0 180");
  all.upgrade();
  client.send(Request{.method = "CANCEL", .transport = "TCP"}.text());
  const std::string cancel = all.now().hear(core, "CANCEL sip:");
  const auto branch = [](const std::string& message) { return value_of(message, "Via").substr(value_of(message, "Via").find("branch=")); };
  CHECK_EQ(branch(cancel), branch(invite));
  all.upgrade();
  core.send_to(all.now().port(ShardRig::kCoreUdp), answer_to(cancel, 200));
  core.send_to(all.now().port(ShardRig::kCoreUdp), answer_to(invite, 487));
  const std::string answers = all.now().hear(client, "SIP/2.0 487");
  CHECK_EQ(count_of(answers, "SIP/2.0 487"), 1u);
  CHECK_EQ(count_of(answers, "SIP/2.0 200"), 1u);
  client.send(Request{.method = "ACK", .transport = "TCP"}.text());
  all.now().hear(core, "ACK sip:");
}

TEST("requests for a core that is being dialled wait for it in the next process") {
  EITHER_WAY(fails) {
    Generations all;
    const Peer core = Peer::listening();
    all.prepare([&](ShardRig& rig) { rig.upstreams({{Transport::tcp, core.port()}}); });
    const Peer client = Peer::udp(all.now().port(ShardRig::kClientUdp));
    client.send(Request{.number = 1}.text());
    CHECK(all.now().until([&] { return true; }));
    all.go(fails);
    const Peer connection = all.now().accept(core);
    CHECK_EQ(count_of(all.now().hear(connection, "MESSAGE sip:"), "MESSAGE sip:"), 1u);
    CHECK(!core.accept().is_open());
  }
}

TEST("a response that a UDP source may not get yet comes when it answers the question of the process before") {
  Generations all;
  const Peer core = Peer::bound(SOCK_DGRAM);
  all.prepare([&](ShardRig& rig) { rig.upstreams({{Transport::udp, core.port()}}); });
  const Peer client = Peer::udp(all.now().port(ShardRig::kClientUdp));
  client.send(Request{.number = 1}.text());
  const std::string request = all.now().hear(core, "MESSAGE sip:");
  std::string answer = answer_to(request, 200);
  answer.replace(answer.find("Content-Length: 0\r\n\r\n"), 21, "Content-Length: 8000\r\n\r\n" + std::string(8000, 'b'));
  core.send_to(all.now().port(ShardRig::kCoreUdp), answer);
  const std::string question = all.now().hear(client, "OPTIONS");
  CHECK(!holds(question, "bbbb"));
  all.upgrade();
  CHECK_EQ(all.now().count(Counter::answers_waiting), 1);
  client.send(answer_to(question, 200));
  CHECK_EQ(count_of(all.now().hear(client, "bbbb"), "SIP/2.0 200"), 1u);
}

TEST("what lies in the ring between two shards is carried out by the next process") {
  const auto rings = std::make_shared<Rings>(2);
  ShardRig first(nullptr, rings, 0);
  ShardRig second([&](EdgeConfig& config) { config.aliases.push_back(first->config().listeners[ShardRig::kCoreUdp].bound); }, rings, 1);
  const Peer client = Peer::tcp(second.port(ShardRig::kClientTcp));
  second.turn();
  const FlowHandle flow = second.flow(FlowKind::stream);
  const Peer core = Peer::bound(SOCK_DGRAM);
  core.send_to(first.port(ShardRig::kCoreUdp), Request{.method = "INVITE", .lines = first.route_to(flow, ShardRig::kCoreUdp, 1)}.text());
  CHECK(first.until([&] { return first.count(Counter::crossed) == 1; }));
  // `second` has not looked yet.
  ShardRig next(second);
  {
    Moving failing(*second);
    second->resume();
  }
  Moving moving(*second);
  CHECK_EQ(moving.into(*next), "");
  CHECK_EQ(next->open(), 0);
  second->release();
  const std::string request = next.hear(client, "INVITE sip:");
  CHECK_EQ(count_of(request, "INVITE sip:"), 1u);
  second.turn();
  CHECK_EQ(client.drain(), "");
}

}  // namespace sluice::handover_requests_test
