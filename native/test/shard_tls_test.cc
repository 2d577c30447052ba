// TLS as the loop sees it: handshakes, records in pieces, failures, dialled cores.
#include "shard_rig.h"
#include "tls_doubles.h"

namespace sluice::shard_tls_test {
using namespace test;

TEST("TR-25 TLS: the handshake, messages in pieces, responses, and the peer's close_notify") {
  ShardRig rig;
  rig->set_tls(std::make_unique<TlsDoubles<HelloTls>>());
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTls));
  client.send("H");
  CHECK_EQ(rig.hear(client, "hello "), "hello ");
  CHECK_EQ(rig.count(Counter::tls_handshakes), 1);
  CHECK_EQ(rig.count(Counter::tls_resumed), 1);
  const std::string body(9000, 'b');
  const std::string text = Request{.transport = "TLS", .body = body}.text();
  for (size_t at = 0; at < text.size(); at += 1000) {
    client.send(text.substr(at, 1000));
    rig.turn();
  }
  const std::string request = rig.hear(core, body.substr(0, 100));
  client.send(Request{.number = 2, .transport = "TLS"}.text() + ".");
  rig.hear(core, "Call-ID: c2");
  core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(request, 202));
  CHECK(holds(rig.hear(client, "SIP/2.0 202"), "SIP/2.0 202"));
}

TEST("TR-17 a TLS session hands over to its successor, and the beginning of a record waits for its rest, however it is cut") {
  ShardRig rig;
  rig->set_tls(std::make_unique<TlsDoubles<GreetingTls>>());
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const std::string body(9000, 'b');
  for (const size_t step : {1000000, 7001, 501}) {
    const Peer client = Peer::tcp(rig.port(ShardRig::kClientTls));
    const std::string first = Request{.number = 1, .transport = "TLS"}.text();
    const std::string second = Request{.number = 2, .transport = "TLS", .body = body}.text();
    const std::string wire = "H" + first.substr(0, 100) + "|" + first.substr(100) + second.substr(0, 50) + "|" + second.substr(50) + "|\r\n\r\n|";
    for (size_t at = 0; at < wire.size(); at += step) {
      client.send(wire.substr(at, step));
      rig.turn();
    }
    const std::string both = rig.hear(core, body);
    CHECK(holds(both, "Call-ID: c1"));
    core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(both.substr(both.rfind("MESSAGE sip:")), 202));
    const std::string heard = rig.hear(client, "SIP/2.0 202");
    CHECK(holds(heard, "\r\n|"));
  }
  CHECK_EQ(rig.count(Counter::tls_own_records), 3);
  CHECK_EQ(rig.count(Counter::tls_handshakes), 3);
}

TEST("TR-20 a TLS record that is not finished in time ends its connection as an unfinished message does") {
  ShardRig rig;
  rig->set_tls(std::make_unique<TlsDoubles<GreetingTls>>());
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTls));
  client.send("H\r\n\r\n|half a record");
  rig.hear(client, "\r\n|");
  rig.pass(11'000);
  CHECK_EQ(client.drain(), "<EOF>");
}

TEST("TR-25 a TLS failure is reported and the connection closed, and without a certificate nobody gets in") {
  ShardRig rig;
  const Peer early = Peer::tcp(rig.port(ShardRig::kClientTls));
  early.send("H");
  CHECK_EQ(rig.hear(early, "<EOF>"), "<EOF>");
  CHECK_EQ(rig.count(Counter::flows_refused), 1);
  rig->set_tls(std::make_unique<TlsDoubles<HelloTls>>());
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTls));
  client.send("H!");
  rig.hear(client, "<EOF>");
  CHECK_EQ(rig.count(Counter::tls_failed), 1);
  CHECK(rig->alerts().back().event == Event::tls_failed);
}

TEST("TR-23 a core dialled over TLS gets what was waiting for its handshake, and its health follows the connection") {
  ShardRig rig;
  rig->set_tls(std::make_unique<TlsDoubles<HelloTls>>());
  Peer core = Peer::listening();
  rig.upstreams({{Transport::tls, core.port()}});
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  client.send(Request{.number = 1}.text());
  client.send(Request{.number = 2}.text());
  rig.turn();
  Peer connection = rig.accept(core);
  CHECK_EQ(connection.drain(), "");
  connection.send("H");
  const std::string got = rig.hear(connection, "Call-ID: c2");
  CHECK(got.starts_with("hello ") && holds(got, "Call-ID: c1"));
  CHECK(holds(got, "Via: SIP/2.0/TLS 127.0.0.1:"));
  connection.send(answer_to(got.substr(got.find("MESSAGE")), 200));
  rig.hear(client, "SIP/2.0 200");
  core.close();
  connection.close();
  CHECK(rig.until([&] { return rig.flow(FlowKind::stream, true).slot == 0; }));
  client.send(Request{.number = 3}.text());
  CHECK(holds(rig.hear(client, "SIP/2.0 503"), "Call-ID: c3"));
  CHECK(!rig.upstream_lives());
}

}  // namespace sluice::shard_tls_test
