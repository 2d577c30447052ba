// Relaying by verdict, from the first REGISTER to the death of a flow.
#include "core/relay/flow_id.h"
#include "shard_rig.h"

namespace sluice::shard_relay_test {
using namespace test;

TEST("OB-5.1-2 OB-5.1-3 OB-5.1-5 OB-5.4-12 a REGISTER leaves with our Path, and its 200 makes the flow an outbound flow") {
  ShardRig rig;
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  client.send(Request{.method = "REGISTER", .lines = "Contact: <sip:alice@10.0.0.1>;reg-id=1;+sip.instance=\"<urn:x>\"\r\nSupported: path, outbound\r\n"}.text());
  const std::string request = rig.hear(core, "REGISTER sip:");
  CHECK(holds(request, "Path: <sip:"));
  CHECK(holds(request, ";lr;ob>"));
  CHECK_EQ(count_of(request, "Via: SIP/2.0/UDP"), 2u);
  CHECK(holds(request, ";rport=" + std::to_string(client.port()) + ";received=127.0.0.1"));
  rig.grant_flow_timer(120);
  core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(request, 200, "Flow-Timer: 5\r\n"));
  const std::string answer = rig.hear(client, "SIP/2.0 200");
  CHECK_EQ(count_of(answer, "Via: "), 1u);
  CHECK_EQ(value_of(answer, "Flow-Timer"), "120");
  CHECK_EQ(count_of(answer, "Flow-Timer"), 1u);
  const Flow* flow = rig.at(rig.flow(FlowKind::udp));
  CHECK(flow != nullptr && flow->flags == (kFlow_outbound | kFlow_supervised));
  CHECK_EQ(rig.count(Counter::registers_ok), 1);
  // RFC 5626 5.4: silence for longer than the timer and its grace ends the flow, and requests for it get 430.
  rig.pass(126'000);
  CHECK_EQ(rig.count(Counter::flows_expired), 1);
  core.send_to(rig.port(ShardRig::kCoreUdp), Request{.method = "INVITE", .number = 2, .lines = rig.route_to_udp(client.port())}.text());
  CHECK(holds(rig.hear(core, "SIP/2.0"), "SIP/2.0 430"));
}

TEST("OB-5.3-3 a request with the token of a connection goes over it, and the response returns to the sender") {
  ShardRig rig;
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  const Peer core = Peer::udp(rig.port(ShardRig::kCoreUdp));
  core.send(Request{.method = "INVITE", .lines = rig.route_to(rig.flow(FlowKind::stream))}.text());
  const std::string request = rig.hear(client, "INVITE sip:");
  CHECK(!holds(request, "Route: "));
  CHECK_EQ(value_of(request, "Max-Forwards"), "69");
  CHECK_EQ(value_of(request, "Max-Breadth"), "60");
  client.send(answer_to(request, 180));
  CHECK(holds(rig.hear(core, "SIP/2.0 180"), "Via: SIP/2.0/UDP 10.0.0.1:5060"));
  client.send(answer_to(request, 200));
  rig.hear(core, "SIP/2.0 200");
  CHECK_EQ(rig->pending(), 1u);  // the response, in case it did not arrive
}

TEST("OB-5.3.1-11 TX-12 only the hop that was asked can answer") {
  ShardRig rig;
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  const FlowHandle flow = rig.flow(FlowKind::stream);
  const Peer other = Peer::tcp(rig.port(ShardRig::kClientTcp));
  const Peer core = Peer::udp(rig.port(ShardRig::kCoreUdp));
  core.send(Request{.method = "INVITE", .lines = rig.route_to(flow)}.text());
  const std::string request = rig.hear(client, "INVITE sip:");
  other.send(answer_to(request, 200));
  rig.turn();
  CHECK_EQ(core.drain(), "");
  CHECK_EQ(rig.count(Counter::unsolicited_responses), 1);
}

TEST("a verdict for a Route value that is absent or has no flow produces 430 and nothing else") {
  ShardRig rig;
  const Peer core = Peer::udp(rig.port(ShardRig::kCoreUdp));
  for (int32_t target : {-1, 0, 5, 6, 7, 8, 1000}) {
    rig.policy = [&](unsigned, const int32_t*, int32_t* verdict) {
      verdict[kVerdict_action] = static_cast<int32_t>(Action::relay_to_flow);
      verdict[kVerdict_target] = target;
      return true;
    };
    core.send(Request{.number = target}.text());
    CHECK(holds(rig.hear(core, "SIP/2.0"), "SIP/2.0 430"));
  }
}

TEST("a 403 for a request along a token from an upstream's address that is not trusted is told to the operator, no other") {
  ShardRig rig;
  const Peer phone = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  const std::string route = rig.route_to(rig.flow(FlowKind::stream));
  rig.policy = [](unsigned, const int32_t*, int32_t* verdict) {
    verdict[kVerdict_action] = static_cast<int32_t>(Action::reply);
    verdict[kVerdict_status] = 403;
    return true;
  };
  const Peer caller = Peer::tcp(rig.port(ShardRig::kClientTcp));
  const auto refused = [&](int number, const std::string& lines) {
    caller.send(Request{.method = "INVITE", .number = number, .transport = "TCP", .lines = lines}.text());
    CHECK(holds(rig.hear(caller, "SIP/2.0"), "SIP/2.0 403"));
  };
  refused(1, route);
  CHECK_EQ(rig->alerts().size(), 0u);  // it has no upstream yet
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  refused(2, "");
  CHECK_EQ(rig->alerts().size(), 0u);
  refused(3, route);
  CHECK_EQ(rig->alerts().size(), 1u);
  CHECK(rig->alerts()[0].event == Event::core_not_trusted);
  CHECK_EQ(rig->alerts()[0].peer.port, caller.port());
  const Peer trusted = Peer::udp(rig.port(ShardRig::kCoreUdp));
  trusted.send(Request{.method = "INVITE", .number = 4, .lines = route}.text());
  CHECK(holds(rig.hear(trusted, "SIP/2.0"), "SIP/2.0 403"));
  CHECK_EQ(rig->alerts().size(), 1u);
}

TEST("a verdict for a nonexistent upstream uses another one") {
  ShardRig rig;
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  rig.policy = [&](unsigned, const int32_t*, int32_t* verdict) {
    verdict[kVerdict_action] = static_cast<int32_t>(Action::relay_upstream);
    verdict[kVerdict_target] = 63;
    return true;
  };
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  client.send(Request().text());
  rig.hear(core, "MESSAGE sip:");
}

TEST("TX-1 TX-3 a request from a connection to a datagram hop is retransmitted until answered, and fails with 408") {
  ShardRig rig([](EdgeConfig& config) { config.t1_ms = 500; });
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  client.send(Request{.method = "INVITE", .transport = "TCP"}.text());
  const std::string request = rig.hear(core, "INVITE sip:");
  rig.pass(500);
  CHECK_EQ(rig.hear(core, "INVITE sip:"), request);
  rig.pass(600);
  CHECK_EQ(core.drain(), "");
  rig.pass(500);
  CHECK_EQ(rig.hear(core, "INVITE sip:"), request);
  rig.pass(33'000);
  CHECK(holds(rig.hear(client, "SIP/2.0"), "SIP/2.0 408"));
  CHECK_EQ(rig->pending(), 0u);
}

TEST("TX-3 no request is retransmitted before T1 is over, however late in a tick of the clock it came") {
  ShardRig rig([](EdgeConfig& config) { config.t1_ms = 500; });
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.pass(40);
  client.send(Request{.method = "INVITE", .transport = "TCP"}.text());
  const std::string request = rig.hear(core, "INVITE sip:");
  rig.pass(490);
  CHECK_EQ(core.drain(), "");
  rig.pass(60);
  CHECK_EQ(rig.hear(core, "INVITE sip:"), request);
}

TEST("TX-8 a datagram request to a connection is relayed once, and its response repeated") {
  ShardRig rig;
  const Peer core = Peer::listening();
  rig.upstreams({{Transport::tcp, core.port()}});
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  const std::string asked = Request{.method = "INVITE"}.text();
  client.send(asked);
  rig.turn();
  const Peer connection = rig.accept(core);
  const std::string request = rig.hear(connection, "INVITE sip:");
  client.send(asked);
  rig.turn();
  CHECK_EQ(connection.drain(), "");
  connection.send(answer_to(request, 180));
  const std::string ringing = rig.hear(client, "SIP/2.0 180");
  client.send(asked);
  CHECK_EQ(rig.hear(client, "SIP/2.0 180"), ringing);
  connection.send(answer_to(request, 486));
  const std::string busy = rig.hear(client, "SIP/2.0 486");
  client.send(asked);
  CHECK_EQ(rig.hear(client, "SIP/2.0 486"), busy);
  CHECK_EQ(rig.count(Counter::absorbed), 3);
  rig.pass(33'000);
  CHECK_EQ(rig->pending(), 0u);
}

TEST("a body too long for the usual scratch space is still repeated") {
  ShardRig rig([](EdgeConfig& config) { config.limits.scan.max_body = 60'000; });
  const Peer core = Peer::listening();
  rig.upstreams({{Transport::tcp, core.port()}});
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  // Large enough to earn an unproven source such a large response.
  const std::string asked = Request{.body = std::string(25'000, 'a')}.text();
  client.send(asked);
  rig.turn();
  const Peer connection = rig.accept(core);
  const std::string request = rig.hear(connection, "MESSAGE sip:");
  std::string answer = answer_to(request, 200);
  const std::string body(60'000, 'b');
  answer.replace(answer.find("Content-Length: 0\r\n\r\n"), 21, "Content-Length: 60000\r\n\r\n" + body);
  connection.send(answer);
  std::string got;
  CHECK(rig.until([&] { return (got += client.drain()).size() > 60'000; }));
  client.send(asked);
  std::string again;
  CHECK(rig.until([&] { return (again += client.drain()).size() > 60'000; }));
  CHECK(again == got);
}

TEST("DNS-8 an upstream that owes a response is probed, skipped while it stays silent, and used again when it answers") {
  ShardRig rig([](EdgeConfig& config) { config.probe_seconds = 10; });
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  rig.pass(50);
  CHECK(!rig->inspect().upstreams().has_spoken(0));
  core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(rig.hear(core, "OPTIONS "), 405));
  CHECK(rig.until([&] { return rig->inspect().upstreams().has_spoken(0); }));
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  client.send(Request().text());
  rig.hear(core, "MESSAGE sip:");
  CHECK(rig->inspect().upstreams().silence(0) == 0);
  rig.pass(9'000);
  CHECK(rig->inspect().upstreams().silence(0) >= 9'000);
  std::string probes = rig.hear(core, "OPTIONS sip:127.0.0.1:");
  for (int i = 0; i < 10 && rig.upstream_lives(); ++i) {
    probes += core.drain();
    rig.pass(900);
  }
  CHECK(!rig.upstream_lives());
  CHECK(count_of(probes, "OPTIONS sip:") == 3);
  client.send(Request{.number = 2}.text());
  CHECK(holds(rig.hear(client, "SIP/2.0"), "SIP/2.0 503"));
  core.drain();
  rig.pass(11'000);
  core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(rig.hear(core, "OPTIONS "), 200));
  rig.turn();
  CHECK(rig.upstream_lives());
}

TEST("an upstream is probed whenever it has been silent for a while, and counts as dead if it does not respond") {
  ShardRig rig([](EdgeConfig& config) { config.probe_seconds = 10; });
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const auto wait = [&](int steps) { while (steps-- > 0) rig.pass(900); };
  for (int round = 0; round < 3; ++round) {
    wait(round == 0 ? 1 : 7);
    core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(rig.hear(core, "OPTIONS "), 200));
    rig.turn();
    CHECK(rig.upstream_lives());
    // One that has just responded is not probed.
    wait(6);
    CHECK(core.drain().empty());
  }
  for (int i = 0; i < 40 && rig.upstream_lives(); ++i) rig.pass(1'000);
  CHECK(!rig.upstream_lives());
  CHECK_EQ(rig.count(Counter::requests_in), 0);
}

TEST("an upstream that has never responded is tried by requests and probed each second meanwhile") {
  ShardRig rig([](EdgeConfig& config) { config.probe_seconds = 10; });
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  for (int i = 0; i < 40; ++i) rig.pass(900);
  CHECK(rig.upstream_lives());
  CHECK(!rig->inspect().upstreams().has_spoken(0));
  CHECK(count_of(core.drain(), "OPTIONS sip:") > 4);
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  client.send(Request().text());
  rig.hear(core, "MESSAGE sip:");
  for (int i = 0; i < 40 && rig.upstream_lives(); ++i) rig.pass(900);
  CHECK(!rig.upstream_lives());
  core.drain();
  rig.pass(900);
  rig.pass(900);
  core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(rig.hear(core, "OPTIONS "), 200));
  rig.turn();
  CHECK(rig.upstream_lives());
}

TEST("a probe that nobody accepts goes nowhere else, so a request is the first to try an upstream that has come up since") {
  ShardRig rig([](EdgeConfig& config) { config.probe_seconds = 10; });
  const Peer core = Peer::bound(SOCK_STREAM);
  rig.upstreams({{Transport::tcp, core.port()}});
  for (int i = 0; i < 4; ++i) rig.pass(900);
  CHECK(rig.upstream_lives());
  CHECK_EQ(listen(core.fd(), 8), 0);
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  client.send(Request().text());
  const Peer connection = rig.accept(core);
  rig.hear(connection, "MESSAGE sip:");
  CHECK_EQ(client.drain(), "");
}

TEST("DNS-8 the kernel's ICMP reports show that a datagram upstream is dead") {
  ShardRig rig;
  Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  core.close();
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  client.send(Request().text());
  CHECK(rig.until([&] { return !rig.upstream_lives(); }));
}

TEST("OB-5.3.1-14 an ICMP message that does not quote a request of ours ends no flow") {
  ShardRig rig;
  Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  const uint16_t port = client.port();
  client.send(Request().text());
  const std::string request = rig.hear(core, "MESSAGE sip:");
  client.close();
  // Nothing reads the response, and the kernel reports that.
  core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(request, 200));
  rig.turn();
  core.send_to(rig.port(ShardRig::kCoreUdp), Request{.method = "INVITE", .number = 9, .lines = rig.route_to_udp(port)}.text());
  CHECK(holds(rig.hear(core, "SIP/2.0 4"), "SIP/2.0 430"));
  CHECK_EQ(rig.count(Counter::tokens_gone), 0);
}

TEST("OB-5.1-20 without a key, no request that needs a token leaves") {
  ShardRig rig;
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  rig->set_keys(KeyRing());
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  client.send(Request{.method = "REGISTER"}.text());
  CHECK(holds(rig.hear(client, "SIP/2.0"), "SIP/2.0 500"));
}

TEST("OB-5.4-1 OB-5.4-2 OB-5.4-9 keep-alives: STUN, blank datagrams and double CRLF") {
  ShardRig rig;
  const Peer udp = Peer::udp(rig.port(ShardRig::kClientUdp));
  udp.send("\r\n\r\n");
  udp.send(std::string("\0\0", 2));
  const std::string stun("\0\1\0\0\x21\x12\xa4\x42" "abcdefghijkl", 20);
  udp.send(stun);
  std::string got;
  CHECK(rig.until([&] { return !(got += udp.drain()).empty(); }));
  CHECK_EQ(got.substr(0, 2), std::string("\1\1", 2));
  CHECK_EQ(rig.count(Counter::datagram_keepalives), 2);
  CHECK_EQ(rig.count(Counter::stun), 1);
}

TEST("SA-6 the token of a flow on another shard takes the request there, and the response comes back over the ring") {
  const auto rings = std::make_shared<Rings>(2);
  uint16_t core_port = 0;
  ShardRig first([&](EdgeConfig& config) { core_port = config.listeners[ShardRig::kCoreUdp].bound.port; }, rings, 0);
  ShardRig second([&](EdgeConfig& config) { config.aliases.push_back(first->config().listeners[ShardRig::kCoreUdp].bound); }, rings, 1);
  const Peer client = Peer::tcp(second.port(ShardRig::kClientTcp));
  second.turn();
  const FlowHandle flow = second.flow(FlowKind::stream);
  const Peer core = Peer::bound(SOCK_DGRAM);
  core.send_to(core_port, Request{.method = "INVITE", .lines = first.route_to(flow, ShardRig::kCoreUdp, 1)}.text());
  first.turn();
  const std::string request = second.hear(client, "INVITE sip:");
  CHECK_EQ(first.count(Counter::crossed), 1);
  client.send(answer_to(request, 200));
  second.turn();
  CHECK(holds(second.hear(core, "SIP/2.0"), "SIP/2.0 200"));
}

TEST("OB-5.4-14 a UDP flow that died stays dead for its old tokens across the wrap of the 24-bit birth") {
  // 2029-07-18, two minutes before the 16-second units wrap to 0.
  ShardRig rig;
  rig.time.start = (uint64_t{0x1000000} * 107 - 8) * 16 - rig.time.ms / 1000;
  rig.pass(50);
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  const Peer core = Peer::udp(rig.port(ShardRig::kCoreUdp));
  const std::string old = rig.route_to_udp(client.port());
  core.send(Request{.method = "INVITE", .lines = old}.text());
  rig.hear(client, "INVITE sip:");
  const FlowHandle flow = rig.flow(FlowKind::udp);
  CHECK(rig->inspect().close_flow(flow));
  rig->settle();
  rig.hear(core, "SIP/2.0 430");
  rig.pass(200'000);  // past the wrap
  // The client comes back: the flow is alive, and its new token is later than its death.
  rig.policy = nullptr;
  char id[kMaxFlowId];
  char token[kMaxTokenText];
  Source source;
  source.remote = address("127.0.0.1", client.port());
  source.listener = ShardRig::kClientUdp;
  const std::string name(id, format_flow_id(rig->config(), source, id));
  const size_t size = rig->object().flow_token(name, Side::core, token);
  CHECK(rig->inspect().token(Text(token, size)).alive);
  CHECK(rig->object().flow_lives(name));
  core.send(Request{.method = "INVITE", .number = 2, .lines = old}.text());
  CHECK(holds(rig.hear(core, "SIP/2.0"), "SIP/2.0 430"));
}

TEST("the id of a flow says the same without its text") {
  ShardRig rig;
  for (const FlowKind kind : {FlowKind::udp, FlowKind::stream}) {
    Source source;
    source.kind = kind;
    source.remote = address("192.0.2.1", 5070);
    source.listener = kind == FlowKind::udp ? ShardRig::kClientUdp : ShardRig::kClientTcp;
    source.slot = 7;
    source.generation = 9;
    char id[kMaxFlowId];
    FlowId read;
    CHECK(parse_flow_id(rig->config(), Text(id, format_flow_id(rig->config(), source, id)), read));
    const FlowId made = flow_id_of(rig->config(), source);
    CHECK(read.listener == made.listener && read.name.kind == made.name.kind && read.name.shard == made.name.shard && read.name.boot == made.name.boot);
    CHECK(read.name.slot == made.name.slot && read.name.generation == made.name.generation && read.name.remote == made.name.remote && read.name.local == made.name.local);
  }
}

}  // namespace sluice::shard_relay_test
