// Which flow is closed, when, and that no other flow is.
#include "shard_rig.h"
#include "tls_doubles.h"

namespace sluice::shard_close_test {
using namespace test;

TEST("OB-7-14 a connection that fails while another is being closed does not take a newcomer in its slot with it") {
  ShardRig rig;
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  const FlowHandle theirs = rig.flow(FlowKind::stream);
  Peer caller = Peer::tcp(rig.port(ShardRig::kCoreTcp));
  rig.turn();
  caller.send(Request{.method = "INVITE", .transport = "TCP", .lines = rig.route_to(theirs)}.text());
  rig.hear(client, "INVITE sip:");
  caller.reset();
  // The operator closes the client's flow, and the 430 to the caller cannot be written.
  CHECK(rig->inspect().close_flow(theirs));
  rig->settle();
  const Peer newcomer = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  rig.turn();
  CHECK_EQ(newcomer.drain(), "");
  newcomer.send("\r\n\r\n");
  CHECK_EQ(rig.hear(newcomer, "\r\n"), "\r\n");
}

TEST("a dialled connection that fails as it opens is closed once, and the timers keep running") {
  ShardRig rig;
  rig->set_tls(std::make_unique<TlsDoubles<DumbTls>>());
  const Peer core = Peer::listening();
  rig.upstreams({{Transport::tls, core.port()}});
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  client.send(Request().text());
  rig.turn();
  const Peer connection = rig.accept(core);
  // The octets that open it are followed by the beginning of a message.
  connection.send("OPTIONS sip:x SIP/2.0\r\nVia: SIP");
  CHECK(rig.until([&] { return rig.flow(FlowKind::stream, true).slot == 0; }));
  const Peer other = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  // Its slot now belongs to another flow, whose own deadline still comes.
  rig.pass(31'000);
  CHECK_EQ(other.drain(), "<EOF>");
  CHECK_EQ(rig.count(Counter::stream_flows), 0);
}

TEST("TR-30 TR-18 nothing after a broken frame is read, whichever turn it arrives in") {
  ShardRig rig;
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  std::string burst;
  for (int i = 0; i < static_cast<int>(k_batch_size); ++i) burst += Request{.number = i, .transport = "TCP"}.text();
  burst += Request{.number = 99, .transport = "TCP", .length = "x"}.text();
  client.send(burst);
  // A full batch first, which leaves the broken frame for the next turn.
  while (const unsigned count = rig->collect()) {
    const bool first = count == k_batch_size;
    rig.decide(count);
    rig->execute();
    if (first) client.send(Request{.number = 777, .transport = "TCP"}.text());
  }
  const std::string got = rig.hear(client, "<EOF>");
  CHECK(holds(got, "SIP/2.0 400 Bad Content-Length"));
  CHECK(!holds(core.drain(), "Call-ID: c777"));
}

TEST("TR-24 a client that has closed its side gets its response, then the connection closes") {
  ShardRig rig;
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  client.send(Request{.transport = "TCP"}.text());
  const std::string request = rig.hear(core, "MESSAGE sip:");
  client.half_close();
  rig.turn();
  CHECK_EQ(client.drain(), "");
  core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(request, 200));
  CHECK(holds(rig.hear(client, "<EOF>"), "SIP/2.0 200"));
  CHECK_EQ(rig.count(Counter::flows_closed), 1);
  CHECK_EQ(rig.count(Counter::flows_faulty), 0);
}

TEST("TR-24 a client that closes its side with nothing pending is closed at once, one that waits in vain after half a minute") {
  ShardRig rig;
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const Peer idle = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  idle.half_close();
  rig.hear(idle, "<EOF>");
  const Peer waits = Peer::tcp(rig.port(ShardRig::kClientTcp));
  waits.send(Request{.transport = "TCP"}.text());
  rig.hear(core, "MESSAGE sip:");
  waits.half_close();
  rig.turn();
  rig.pass(28'000);
  CHECK_EQ(waits.drain(), "");
  rig.pass(900);
  rig.pass(900);
  CHECK_EQ(waits.drain(), "<EOF>");
}

TEST("OB-5.4-8 a flood of keep-alives ends its connection and nothing else") {
  ShardRig rig;
  const Peer good = Peer::tcp(rig.port(ShardRig::kClientTcp));
  const Peer flood = Peer::tcp(rig.port(ShardRig::kClientTcp));
  std::string pings;
  for (int i = 0; i < 101; ++i) pings += "\r\n\r\n";
  flood.send(pings);
  rig.turn();
  CHECK(holds(rig.hear(flood, "<EOF>"), "<EOF>"));
  CHECK_EQ(rig->alerts().size(), 1u);
  CHECK(rig->alerts()[0].event == Event::ping_flood);
  good.send("\r\n\r\n");
  CHECK_EQ(rig.hear(good, "\r\n"), "\r\n");
}

TEST("SA-8 draining considers a client busy only while a response may still come") {
  ShardRig rig;
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  client.send(Request{.transport = "TCP"}.text());
  rig.hear(core, "MESSAGE sip:");  // the core never answers
  CHECK_EQ(rig->inspect().move_out(9, false), 1u);
  rig.pass(33'000);
  CHECK_EQ(rig->inspect().move_out(9, false), 0u);
  rig->settle();
  CHECK_EQ(client.drain(), "<EOF>");
  CHECK_EQ(rig.count(Counter::flows_moved), 1);
}

TEST("TR-24 after a client has closed its side, a provisional response from another shard keeps it open, a final one closes it") {
  const auto rings = std::make_shared<Rings>(2);
  ShardRig owner(nullptr, rings, 0);
  ShardRig other(nullptr, rings, 1);
  const Peer client = Peer::tcp(owner.port(ShardRig::kClientTcp));
  const Peer core = Peer::bound(SOCK_DGRAM);
  owner.upstreams({{Transport::udp, core.port()}});
  client.send(Request{.method = "INVITE", .transport = "TCP"}.text());
  owner.hear(core, "INVITE sip:");
  const FlowHandle flow = owner.flow(FlowKind::stream);
  client.half_close();
  owner.turn();
  other->object().answer_flow("s/1/0/7/" + std::to_string(flow.slot) + "/" + std::to_string(flow.generation), "SIP/2.0 180 Ringing\r\n\r\n", false);
  other->settle();
  CHECK_EQ(owner.hear(client, "180"), "SIP/2.0 180 Ringing\r\n\r\n");
  other->object().answer_flow("s/1/0/7/" + std::to_string(flow.slot) + "/" + std::to_string(flow.generation), "SIP/2.0 200 OK\r\n\r\n", true);
  other->settle();
  CHECK_EQ(owner.hear(client, "<EOF>"), "SIP/2.0 200 OK\r\n\r\n<EOF>");
}

}  // namespace sluice::shard_close_test
