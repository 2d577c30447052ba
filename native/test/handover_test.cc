// A shard goes over to another process with its connections and UDP flows: every message arrives exactly once, and nobody notices.
#include "handover_rig.h"
#include "tls_doubles.h"
#include "websocket_client.h"

namespace sluice::handover_test {
using namespace test;

namespace {

// Both outcomes of a hand-over look the same from outside.
#define WHETHER_IT_FAILS(fails) for (const bool fails : {false, true})

// Time stands still here.
void many_pings(EdgeConfig& config) { config.limits.pings_per_second = 1000; }

struct TlsPhone {
  Peer peer;
  uint32_t sent = 0;
  void send(const std::string& text) { peer.send(std::string(1, static_cast<char>('a' + sent++ % 26)) + text + "|"); }
};

}  // namespace

TEST("a connection goes over with its registration, and its token leads to it") {
  WHETHER_IT_FAILS(fails) {
    Generations all;
    const Peer core = Peer::bound(SOCK_DGRAM);
    all.prepare([&](ShardRig& rig) { rig.upstreams({{Transport::udp, core.port()}}); });
    Peer phone = register_alice(all.now(), core, Transport::tcp);
    const FlowHandle flow = all.now().flow(FlowKind::stream);
    const std::string route = all.now().route_to(flow, ShardRig::kCoreUdp);
    all.go(fails);
    ShardRig& rig = all.now();
    CHECK(rig.at(flow) != nullptr);
    std::vector<FlowFacts> found;
    uint32_t cursor = 0;
    FlowFilter filter;
    filter.text = "bob@example.com";
    rig->inspect().flows(cursor, UINT32_MAX, SIZE_MAX, filter, found);
    CHECK_EQ(found.size(), 1u);
    core.send_to(rig.port(ShardRig::kCoreUdp), Request{.method = "OPTIONS", .number = 2, .lines = route}.text());
    const std::string asked = rig.hear(phone, "OPTIONS");
    CHECK_EQ(count_of(asked, "OPTIONS sip:"), 1u);
    phone.send(answer_to(asked, 200));
    CHECK(holds(rig.hear(core, "200 Whatever"), "Call-ID: c2"));
    phone.close();
    CHECK(rig.until([&] { return rig.at(flow) == nullptr; }));
    CHECK_EQ(rig.count(Counter::stream_flows), 0);
  }
}

TEST("a flow that has ended keeps its token dead, and a new one gets a generation of its own") {
  Generations all;
  Peer first = Peer::tcp(all.now().port(ShardRig::kClientTcp));
  Peer second = Peer::tcp(all.now().port(ShardRig::kClientTcp));
  all.now().turn();
  const FlowHandle gone = all.now().flow(FlowKind::stream);
  first.close();
  second.close();
  CHECK(all.now().until([&] { return all.now().flow(FlowKind::stream).slot == 0; }));
  all.upgrade();
  const Peer third = Peer::tcp(all.now().port(ShardRig::kClientTcp));
  all.now().turn();
  const FlowHandle fresh = all.now().flow(FlowKind::stream);
  CHECK(fresh.slot != 0 && fresh.generation > gone.generation);
  const Peer core = Peer::bound(SOCK_DGRAM);
  core.send_to(all.now().port(ShardRig::kCoreUdp), Request{.lines = all.now().route_to(gone, ShardRig::kCoreUdp)}.text());
  CHECK(holds(all.now().hear(core, "SIP/2.0"), "SIP/2.0 430"));
}

TEST("a message over TCP may be cut anywhere by a hand-over") {
  const std::string text = Request{.number = 5, .transport = "TCP", .body = std::string(300, 'b')}.text() + "\r\n\r\n";
  const Peer core = Peer::bound(SOCK_DGRAM);
  Generations all(many_pings);
  all.prepare([&](ShardRig& rig) { rig.upstreams({{Transport::udp, core.port()}}); });
  const Peer phone = Peer::tcp(all.now().port(ShardRig::kClientTcp));
  for (size_t cut = 1; cut < text.size(); cut += cut < 20 ? 1 : 37) {
    phone.send(text.substr(0, cut));
    all.now().turn();
    all.go(cut % 3 == 0);
    phone.send(text.substr(cut));
    CHECK_EQ(count_of(all.now().hear(core, "MESSAGE sip:") + core.drain(), "MESSAGE sip:"), 1u);
    CHECK_EQ(all.now().hear(phone, "\r\n"), "\r\n");
  }
}

TEST("a WebSocket client may be interrupted in its handshake, in a frame and between fragments") {
  const std::string message = Request{.number = 6, .transport = "WS", .body = std::string(200, 'b')}.text();
  const std::string frames = websocket_frame(1, message.substr(0, 150), false) + websocket_frame(9, "you") + websocket_frame(0, message.substr(150));
  const Peer core = Peer::bound(SOCK_DGRAM);
  WHETHER_IT_FAILS(fails) {
    Generations all(many_pings);
    all.prepare([&](ShardRig& rig) { rig.upstreams({{Transport::udp, core.port()}}); });
    const Peer phone = Peer::tcp(all.now().port(ShardRig::kClientWs));
    phone.send(websocket_upgrade().substr(0, 60));
    all.now().turn();
    CHECK_EQ(all.now().count(Counter::handshakes), 1);
    all.go(fails);
    CHECK_EQ(all.now().count(Counter::handshakes), 1);
    phone.send(websocket_upgrade().substr(60));
    CHECK(holds(all.now().hear(phone, "\r\n\r\n"), "101"));
    CHECK_EQ(all.now().count(Counter::handshakes), 0);
    for (size_t cut = 1; cut < frames.size(); cut += cut < 10 ? 1 : 61) {
      phone.send(frames.substr(0, cut));
      all.now().turn();
      std::string heard = phone.drain();
      all.go(fails);
      phone.send(frames.substr(cut));
      CHECK_EQ(count_of(all.now().hear(core, "MESSAGE sip:") + core.drain(), "MESSAGE sip:"), 1u);
      CHECK_EQ(heard + phone.drain(), "\x8a\x03you");
    }
  }
}

TEST("TLS records go on with their numbers; a handshake stays, and the old process completes it") {
  const Peer core = Peer::bound(SOCK_DGRAM);
  Generations all;
  all.prepare([&](ShardRig& rig) {
    rig.upstreams({{Transport::udp, core.port()}});
    rig->set_tls(std::make_shared<NumberedProvider>());
  });
  TlsPhone phone{Peer::tcp(all.now().port(ShardRig::kClientTls))};
  phone.peer.send("?");
  CHECK_EQ(all.now().hear(phone.peer, "!"), "!");
  const std::string text = Request{.number = 7, .transport = "TLS"}.text();
  for (int i = 0; i < 4; ++i) {
    phone.send(text + text.substr(0, 100));
    CHECK_EQ(count_of(all.now().hear(core, "MESSAGE sip:"), "MESSAGE sip:"), 1u);
    all.go(i % 2 == 0);
    phone.send(text.substr(100));
    const std::string relayed = all.now().hear(core, "MESSAGE sip:");
    CHECK_EQ(count_of(relayed, "MESSAGE sip:"), 1u);
    core.send_to(all.now().port(ShardRig::kCoreUdp), answer_to(relayed, 200));
    const std::string answer = all.now().hear(phone.peer, "|");
    CHECK_EQ(answer.substr(0, 5), std::string(1, static_cast<char>('a' + i)) + "SIP/");
  }
  // The part of a record.
  const std::string record = std::string(1, static_cast<char>('a' + phone.sent % 26)) + text + "|";
  phone.peer.send(record.substr(0, 50));
  all.now().turn();
  all.upgrade();
  phone.peer.send(record.substr(50));
  all.now().hear(core, "MESSAGE sip:");

  // Nothing has come from one; the other has begun.
  const Peer late = Peer::tcp(all.now().port(ShardRig::kClientTls));
  const Peer shaking = Peer::tcp(all.now().port(ShardRig::kClientTls));
  shaking.send("h");
  all.now().turn();
  all.upgrade();
  CHECK_EQ(all.before()->moving().kept, 1u);
  CHECK_EQ(all.now().count(Counter::stream_flows), 2);
  late.send("?");
  CHECK_EQ(all.now().hear(late, "!"), "!");
  shaking.send("?");
  CHECK_EQ(all.before().hear(shaking, "!"), "!");
}

TEST("a connection whose TLS handshake was under way follows when it is over, with what came with its end; if nobody takes it, the old process serves it") {
  for (const bool follows : {true, false}) {
    const Peer core = Peer::bound(SOCK_DGRAM);
    Generations all;
    all.follows = true;
    all.prepare([&](ShardRig& rig) {
      rig.upstreams({{Transport::udp, core.port()}});
      rig->set_tls(std::make_shared<NumberedProvider>());
    });
    TlsPhone phone{Peer::tcp(all.now().port(ShardRig::kClientTls))};
    TlsPhone slow{Peer::tcp(all.now().port(ShardRig::kClientTls))};
    for (const TlsPhone* one : {&phone, &slow}) one->peer.send("h");
    all.now().turn();
    all.upgrade();
    CHECK_EQ(all.before()->moving().kept, 2u);
    if (!follows) all.now().end();
    ShardRig& serving = follows ? all.now() : all.before();
    const std::string text = Request{.transport = "TLS"}.text(), next = Request{.number = 2, .transport = "TLS"}.text();
    phone.peer.send("?a" + text + next.substr(0, 100) + "|b" + next.substr(100, 50));
    phone.sent = 2;
    all.before().turn();
    const std::string first = serving.hear(core, "MESSAGE sip:");
    CHECK(holds(first, "Call-ID: c1"));
    phone.peer.send(next.substr(150) + "|");
    const std::string second = serving.hear(core, "MESSAGE sip:");
    CHECK(holds(second, "Call-ID: c2"));
    CHECK_EQ(all.before().count(Counter::stream_flows), follows ? 1 : 2);
    CHECK_EQ(all.before().count(Counter::flows_followed), follows ? 1 : 0);
    // Responses over UDP come to the new process: what stays with the old one is no full member.
    if (!follows) continue;
    for (const std::string& request : {first, second}) core.send_to(serving.port(ShardRig::kCoreUdp), answer_to(request, 202));
    const std::string heard = serving.hear(phone.peer, "Call-ID: c2");
    CHECK_EQ(heard.substr(0, 6), "!aSIP/");
    CHECK_EQ(count_of(heard, "SIP/2.0 202"), 2u);
    CHECK_EQ(all.now().count(Counter::flows_followed), 1);
    CHECK_EQ(all.now().count(Counter::handshakes), 0);
    // The other one comes later, and the channel is still there.
    slow.peer.send("?");
    all.before().turn();
    CHECK(all.now().until([&] { return all.now().count(Counter::stream_flows) == 2; }));
    CHECK_EQ(all.before().count(Counter::stream_flows), 0);
    slow.send(text);
    CHECK(holds(all.now().hear(core, "MESSAGE sip:"), "Call-ID: c1"));
    // And it is a flow like any other: it goes over with the next upgrade.
    all.upgrade();
    slow.send(next);
    CHECK(holds(all.now().hear(core, "MESSAGE sip:"), "Call-ID: c2"));
  }
}

TEST("what the peer has not read yet arrives in order, and once") {
  WHETHER_IT_FAILS(fails) {
    Generations all;
    const Peer core = Peer::listening();
    all.prepare([&](ShardRig& rig) { rig.upstreams({{Transport::tcp, core.port()}}); });
    const Peer client = Peer::udp(all.now().port(ShardRig::kClientUdp));
    client.send(Request{.number = 0}.text());
    all.now().turn();
    const Peer connection = all.now().accept(core);
    int sent = 1;
    const auto waits = [&] {
      const Flow* const flow = all.now().at(all.now().flow(FlowKind::stream, true));
      return flow == nullptr ? size_t{0} : flow->stream.out.octets();
    };
    while (waits() < (1u << 20) && sent < 4000) {
      for (int i = 0; i < 16; ++i) client.send(Request{.number = sent++, .body = std::string(8000, 'b')}.text());
      all.now().turn();
    }
    CHECK(waits() >= (1u << 20));
    all.go(fails);
    CHECK(waits() >= (1u << 20));
    std::string got;
    const std::string last = "Call-ID: c" + std::to_string(sent - 1) + "\r\n";
    CHECK(all.now().until([&] { return holds(got += connection.drain(), last); }));
    size_t at = 0;
    for (int i = 0; i < sent; ++i) {
      const size_t next = got.find("Call-ID: c" + std::to_string(i) + "\r\n", at);
      CHECK(next != std::string::npos);
      if (next == std::string::npos) break;
      at = next;
    }
    CHECK_EQ(count_of(got, "MESSAGE sip:"), static_cast<size_t>(sent));
    // It goes on over the same connection.
    client.send(Request{.number = 9999}.text());
    CHECK(holds(all.now().hear(connection, "c9999\r\n"), "MESSAGE"));
    CHECK(!core.accept().is_open());
  }
}

TEST("messages that a batch had no room for are read by the next process") {
  const Peer core = Peer::bound(SOCK_DGRAM);
  Generations all;
  all.prepare([&](ShardRig& rig) { rig.upstreams({{Transport::udp, core.port()}}); });
  const Peer phone = Peer::tcp(all.now().port(ShardRig::kClientTcp));
  std::string many;
  constexpr int kMany = 150;
  for (int i = 0; i < kMany; ++i) many += Request{.number = i, .transport = "TCP"}.text();
  phone.send(many);
  std::string got;
  unsigned count = 0;
  while ((count = all.now()->collect()) == 0) usleep(500);
  CHECK(count < kMany);
  all.now().decide(count);
  all.now()->execute();
  all.upgrade();
  for (int i = 0; i < 200 && count_of(got, "MESSAGE sip:") < kMany; ++i) {
    all.now().turn();
    got += core.drain();
  }
  CHECK_EQ(count_of(got, "MESSAGE sip:"), static_cast<size_t>(kMany));
}

TEST("a UDP flow keeps its registration, its age and its token") {
  WHETHER_IT_FAILS(fails) {
    Generations all;
    const Peer core = Peer::bound(SOCK_DGRAM);
    all.prepare([&](ShardRig& rig) { rig.upstreams({{Transport::udp, core.port()}}); });
    all.now().clients_hear_us();
    all.now().grant_flow_timer(60);
    const Peer phone = register_alice(all.now(), core, Transport::udp);
    const FlowHandle flow = all.now().flow(FlowKind::udp);
    CHECK(flow.slot != 0);
    all.now().pass(500);
    const Flow before = *all.now().at(flow);
    all.go(fails);
    ShardRig& rig = all.now();
    CHECK(rig.at(flow) != nullptr);
    const Flow& after = *rig.at(flow);
    CHECK(after.birth == before.birth && after.last_seen == before.last_seen && after.flags == before.flags && after.supervise == before.supervise && after.timer.due == before.timer.due);
    core.send_to(rig.port(ShardRig::kCoreUdp), Request{.method = "OPTIONS", .number = 2, .lines = rig.route_to_udp(phone.port())}.text());
    CHECK_EQ(count_of(rig.hear(phone, "OPTIONS"), "OPTIONS sip:"), 1u);
    CHECK_EQ(rig.count(Counter::udp_flows), 1);
    // It is still supervised.
    rig.pass(80'000);
    CHECK_EQ(rig.count(Counter::flows_expired), 1);
  }
}

}  // namespace sluice::handover_test
