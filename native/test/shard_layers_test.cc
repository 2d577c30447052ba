// The layers between a connection and SIP: WebSocket, and a balancer's PROXY header before it or before TLS.
#include "core/transport/upgrade_gate.h"
#include "shard_rig.h"
#include "tls_doubles.h"
#include "websocket_client.h"

namespace sluice::shard_layers_test {
using namespace test;

namespace {

constexpr uint8_t kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10;

// A short frame from the server.
std::string from_server(uint8_t opcode, const std::string& payload) {
  return std::string{static_cast<char>(0x80 | opcode), static_cast<char>(payload.size())} + payload;
}

Peer web_client(ShardRig& rig) {
  Peer peer = Peer::tcp(rig.port(ShardRig::kClientWs));
  peer.send(websocket_upgrade());
  const std::string answer = rig.hear(peer, "\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.1 101 "));
  CHECK(holds(answer, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  CHECK(holds(answer, "Sec-WebSocket-Protocol: sip\r\n"));
  return peer;
}

struct Gate final : UpgradeGate {
  UpgradeWord judge(const Upgrade& upgrade, const Address&, uint16_t listener) noexcept override {
    CHECK_EQ(listener, ShardRig::kClientWs);
    target = std::string(upgrade.target);
    return word;
  }
  std::string target;
  UpgradeWord word;
};

constexpr uint8_t kOneHost = 128;

// Trusts balancers on the given listener.
auto behind_balancer(ProxyRule rule, size_t listener = ShardRig::kClientTcp) {
  return [=](EdgeConfig& config) {
    config.listeners[listener].proxy = rule;
    config.proxies = {TrustedNet{address("127.0.0.1", 0), kOneHost}};
  };
}

}  // namespace

TEST("WS-5-2 WS-4.2-1 a SIP message fills a WebSocket message, both ways, as text or binary") {
  ShardRig rig;
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const Peer client = web_client(rig);
  client.send(websocket_frame(kText, Request{.transport = "WS"}.text()));
  const std::string request = rig.hear(core, "MESSAGE sip:");
  core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(request, 200));
  const std::string answer = rig.hear(client, "SIP/2.0 200");
  CHECK_EQ(static_cast<uint8_t>(answer[0]), 0x80 | kText);
  CHECK_EQ(rig.count(Counter::ws_upgrades), 1);
  // Split over three frames and three segments, with CRLFs before it and a body that is not UTF-8.
  const std::string second = "\r\n" + Request{.number = 2, .transport = "WS", .body = "\xff\xfe"}.text();
  const std::string frames = websocket_frame(kBinary, second.substr(0, 20), false) + websocket_frame(0, second.substr(20, 100), false) + websocket_frame(0, second.substr(120));
  for (size_t at = 0; at < frames.size(); at += 150) {
    client.send(frames.substr(at, 150));
    rig.turn();
  }
  const std::string again = rig.hear(core, "Call-ID: c2");
  std::string back = answer_to(again, 200);
  back.replace(back.find("Content-Length: 0\r\n\r\n"), 21, "Content-Length: 2\r\n\r\n\xff\xfe");
  core.send_to(rig.port(ShardRig::kCoreUdp), back);
  CHECK_EQ(static_cast<uint8_t>(rig.hear(client, "SIP/2.0 200")[0]), 0x80 | kBinary);
}

TEST("WS-6-1 WS-6-2 WS-6-3 WebSocket keep-alives: CRLFs in a message of the same type, ping and pong, our own ping, closing without a pong") {
  ShardRig rig;
  const Peer client = web_client(rig);
  client.send(websocket_frame(kText, "\r\n\r\n"));
  CHECK_EQ(rig.hear(client, "\r\n"), from_server(kText, "\r\n"));
  client.send(websocket_frame(kText, "\r\n"));
  client.send(websocket_frame(kPing, "beat"));
  CHECK_EQ(rig.hear(client, "beat"), from_server(kPong, "beat"));
  CHECK_EQ(rig.count(Counter::pings), 2);
  // The first message must arrive in time; after that, silence is probed.
  client.send(websocket_frame(kText, Request{.method = "ACK", .transport = "WS"}.text()));
  rig.turn();
  rig.pass(29'000);
  CHECK_EQ(rig.hear(client, from_server(kPing, "")), from_server(kPing, ""));
  client.send(websocket_frame(kPong, ""));
  rig.turn();
  rig.pass(29'000);
  rig.hear(client, from_server(kPing, ""));
  CHECK_EQ(rig.count(Counter::flows_expired), 0);
  rig.pass(11'000);
  CHECK(holds(client.drain(), "<EOF>"));
  CHECK_EQ(rig.count(Counter::flows_expired), 1);
}

TEST("WS-F-4 WS-4.1-3 WS-5-2 a WebSocket ends with a close frame: after the peer's, a broken frame, non-SIP data, or two messages in one") {
  struct Case {
    std::string sent;
    std::string code;
  };
  const std::string message = Request{.transport = "WS"}.text();
  const Case cases[] = {{websocket_frame(kClose, "\x03\xe8"), "\x03\xe8"}, {websocket_frame(kClose, ""), "\x03\xe8"}, {"\x81\x01x", "\x03\xea"}, {websocket_frame(kText, "GET / HTTP/1.1\r\n\r\n"), "\x03\xeb"}};
  for (const Case& one : cases) {
    ShardRig rig;
    const Peer client = web_client(rig);
    client.send(one.sent + websocket_frame(kText, message));
    CHECK_EQ(rig.hear(client, "<EOF>"), from_server(kClose, one.code) + "<EOF>");
    CHECK_EQ(rig.count(Counter::requests_in), 0);
  }
  ShardRig rig;
  const Peer client = web_client(rig);
  client.send(websocket_frame(kText, message + message));
  CHECK(holds(rig.hear(client, "SIP/2.0"), "SIP/2.0 400 "));
  client.send(websocket_frame(kText, message + "\r\n \r\n"));
  CHECK(holds(rig.hear(client, "SIP/2.0"), "SIP/2.0 503"));  // it was read, but there is no upstream
}

TEST("WS-7-3 WS-7-1 a handshake is refused with a status and closed: no subprotocol, another origin, or the operator's decision") {
  ShardRig rig([](EdgeConfig& config) { config.upgrades.origins = {"https://example.org"}; });
  Gate gate;
  rig->set_upgrade_gate(&gate);
  const auto ask = [&](const std::string& lines, const std::string& path = "/") {
    const Peer peer = Peer::tcp(rig.port(ShardRig::kClientWs));
    const std::string text = websocket_upgrade(lines, path);
    peer.send(text.substr(0, 30));
    rig.turn();
    peer.send(text.substr(30));
    return rig.hear(peer, "\r\n\r\n");
  };
  const std::string origin = "Origin: https://example.org\r\n", sip = "Sec-WebSocket-Protocol: sip\r\n";
  CHECK(ask(origin).starts_with("HTTP/1.1 400"));
  CHECK(ask(sip + "Origin: https://example.net\r\n").starts_with("HTTP/1.1 403"));
  CHECK_EQ(gate.target, "");
  gate.word = {401, "WWW-Authenticate: Bearer\r\n"};
  const std::string refused = ask(sip + origin, "/phones?token=1");
  CHECK(refused.starts_with("HTTP/1.1 401") && holds(refused, "WWW-Authenticate: Bearer\r\n"));
  CHECK_EQ(gate.target, "/phones?token=1");
  CHECK_EQ(rig.count(Counter::ws_refused), 3);
  gate.word = {101, "Set-Cookie: a=b\r\n"};
  CHECK(holds(ask(sip + origin), "Set-Cookie: a=b\r\n"));
  rig->set_names({}, {}, UpgradeRules{});
  CHECK(ask(sip).starts_with("HTTP/1.1 101"));
}

TEST("TR-21 a quarter of a source's connections may be in a handshake: another one is closed, and a finished handshake makes room") {
  ShardRig rig([](EdgeConfig& config) { config.limits.max_flows_per_source = 80; });
  std::vector<Peer> half;
  for (int i = 0; i < 20; ++i) {
    half.push_back(Peer::tcp(rig.port(ShardRig::kClientWs)));
    half.back().send(websocket_upgrade().substr(0, 30));
    rig.turn();
  }
  CHECK_EQ(rig.count(Counter::handshakes), 20);
  CHECK_EQ(rig.hear(Peer::tcp(rig.port(ShardRig::kClientWs)), "<EOF>"), "<EOF>");
  CHECK_EQ(rig.count(Counter::handshakes_refused), 1);
  CHECK(rig->alerts().back().event == Event::source_full);
  // Plain TCP is not affected.
  const Peer plain = Peer::tcp(rig.port(ShardRig::kClientTcp));
  plain.send("\r\n\r\n");
  rig.hear(plain, "\r\n");
  half[0].send(websocket_upgrade().substr(30));
  CHECK(rig.hear(half[0], "\r\n\r\n").starts_with("HTTP/1.1 101 "));
  CHECK_EQ(rig.count(Counter::handshakes), 19);
  half[1].close();
  rig.turn();
  CHECK_EQ(rig.count(Counter::handshakes), 18);
  web_client(rig);
  half[0].close();
  rig.turn();
  CHECK_EQ(rig.count(Counter::handshakes), 18);
  rig.pass(6'000);
  CHECK_EQ(rig.count(Counter::handshakes), 0);
}

TEST("many sources that never finish a handshake keep nobody out: the one that has lasted longest gives way") {
  ShardRig rig([](EdgeConfig& config) { config.limits.max_flows = 400; });
  std::vector<Peer> half;
  for (int i = 0; i < 64; ++i) {
    half.push_back(Peer::tcp(rig.port(ShardRig::kClientWs), ("127.0.0." + std::to_string(2 + i / 16)).c_str()));
    half.back().send(websocket_upgrade().substr(0, 30));
    rig.turn();
  }
  CHECK(rig.until([&] { return rig.count(Counter::handshakes) == 64; }));
  const Peer phone = Peer::tcp(rig.port(ShardRig::kClientWs), "127.0.0.99");
  phone.send(websocket_upgrade());
  CHECK(rig.hear(phone, "\r\n\r\n").starts_with("HTTP/1.1 101 "));
  CHECK_EQ(rig.hear(half[0], "<EOF>"), "<EOF>");
  CHECK_EQ(half[1].drain(), "");
  CHECK_EQ(rig.count(Counter::handshakes), 63);
  CHECK_EQ(rig.count(Counter::handshakes_refused), 1);
  CHECK_EQ(rig.count(Counter::stream_flows), 64);
  half[1].send(websocket_upgrade().substr(30));
  CHECK(rig.hear(half[1], "\r\n\r\n").starts_with("HTTP/1.1 101 "));
}

TEST("WS-7-3 WS-F-6 a handshake and its first message arrive octet by octet; half a handshake times out") {
  ShardRig rig;
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientWs));
  for (const char octet : websocket_upgrade() + websocket_frame(kText, Request{.transport = "WS"}.text())) {
    client.send(std::string(1, octet));
    rig.turn();
  }
  rig.hear(core, "MESSAGE sip:");
  const Peer half = Peer::tcp(rig.port(ShardRig::kClientWs));
  half.send("GET / HTTP/1.1\r\n");
  rig.turn();
  rig.pass(6'000);
  CHECK_EQ(half.drain(), "<EOF>");
  CHECK_EQ(rig.count(Counter::flows_faulty), 1);
}

TEST("DET-23 behind a balancer the PROXY header names the client: in Via, in the shares per source, and for bans") {
  ShardRig rig(behind_balancer(ProxyRule::accept));
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  const std::string header = "PROXY TCP4 203.0.113.9 127.0.0.1 4711 5060\r\n";
  client.send(header.substr(0, 10));
  rig.turn();
  client.send(header.substr(10) + Request{.transport = "TCP"}.text());
  CHECK(holds(rig.hear(core, "MESSAGE sip:"), ";rport=4711;received=203.0.113.9"));
  const FlowHandle flow = rig.flow(FlowKind::stream);
  CHECK_EQ(rig.at(flow)->remote.port, 4711);
  // Without a named client it is the balancer itself, such as a health check.
  const Peer local = Peer::tcp(rig.port(ShardRig::kClientTcp));
  local.send(Request{.number = 2, .transport = "TCP"}.text());
  CHECK(holds(rig.hear(core, "Call-ID: c2"), ";received=127.0.0.1"));
  rig->inspect().set_bans({BannedNet{address("203.0.113.0", 0), 120}});
  rig->settle();
  CHECK(rig.at(flow) == nullptr);
  const Peer banned = Peer::tcp(rig.port(ShardRig::kClientTcp));
  banned.send(header + "\r\n\r\n");
  rig.hear(banned, "<EOF>");
  CHECK_EQ(rig.count(Counter::banned), 1);
  CHECK_EQ(rig.count(Counter::flows_refused), 2);
}

TEST("DET-23 where a PROXY header is required nobody gets in without one, and only balancers may send one") {
  ShardRig rig(behind_balancer(ProxyRule::require));
  for (const std::string& octets : {Request{.transport = "TCP"}.text(), std::string("PROXY NONSENSE\r\n")}) {
    const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
    client.send(octets);
    CHECK_EQ(rig.hear(client, "<EOF>"), "<EOF>");
  }
  CHECK_EQ(rig.count(Counter::flows_faulty), 2);
  ShardRig other([](EdgeConfig& config) { config.listeners[ShardRig::kClientTcp].proxy = ProxyRule::require; });
  const Peer stranger = Peer::tcp(other.port(ShardRig::kClientTcp));
  CHECK_EQ(other.hear(stranger, "<EOF>"), "<EOF>");
  CHECK_EQ(other.count(Counter::flows_refused), 1);
}

TEST("DET-23 TR-21 a source at its limit is refused even if a balancer names it, and the balancer itself has no limit") {
  ShardRig rig([](EdgeConfig& config) {
    behind_balancer(ProxyRule::accept)(config);
    config.limits.max_flows_per_source = 1;
  });
  const auto from = [&](const std::string& client) {
    Peer peer = Peer::tcp(rig.port(ShardRig::kClientTcp));
    peer.send("PROXY TCP4 " + client + " 127.0.0.1 4711 5060\r\n\r\n\r\n");
    rig.until([&] { return rig.count(Counter::pings) + rig.count(Counter::flows_refused) > 0; });
    return peer;
  };
  const Peer first = from("203.0.113.9");
  rig.hear(first, "\r\n");
  const Peer second = from("203.0.113.9");
  CHECK_EQ(rig.hear(second, "<EOF>"), "<EOF>");
  CHECK_EQ(rig.count(Counter::flows_refused), 1);
  CHECK(rig->alerts().back().event == Event::source_full);
  const Peer third = from("203.0.113.10");
  rig.hear(third, "\r\n");
}

TEST("DET-23 behind a balancer TLS begins after the PROXY header, and so does a WebSocket") {
  ShardRig rig([](EdgeConfig& config) {
    behind_balancer(ProxyRule::require, ShardRig::kClientTls)(config);
    behind_balancer(ProxyRule::require, ShardRig::kClientWs)(config);
  });
  rig->set_tls(std::make_unique<TlsDoubles<HelloTls>>());
  const std::string header = "PROXY TCP4 203.0.113.9 127.0.0.1 4711 5060\r\n";
  const Peer tls = Peer::tcp(rig.port(ShardRig::kClientTls));
  tls.send(header + "H");
  rig.hear(tls, "hello ");
  const Peer web = Peer::tcp(rig.port(ShardRig::kClientWs));
  web.send(header + websocket_upgrade());
  rig.hear(web, "HTTP/1.1 101");
}

}  // namespace sluice::shard_layers_test
