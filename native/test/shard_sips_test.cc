// SIPS on the fast path: over TLS, with SIPS URIs, or not at all (RFC 5630, RFC 3261 16.6).
#include "shard_rig.h"
#include "tls_doubles.h"

namespace sluice::shard_sips_test {
using namespace test;

namespace {

// Balancers on both sides of us terminate TLS.
void behind_balancers(EdgeConfig& config) {
  for (const size_t i : {size_t{ShardRig::kClientTcp}, size_t{ShardRig::kCoreTcp}}) {
    config.listeners[i].transport = Transport::tls;
    config.listeners[i].ends_tls = false;
  }
}

constexpr const char* kSips = "sips:bob@example.com";
const std::string kRefusal = "Warning: 380 sluice \"SIPS Not Allowed\"\r\n";

}  // namespace

TEST("PX-16.6-10 a SIPS request over an unencrypted hop, before or after us, gets 480 with Warning 380 (RFC 5630 5.3)") {
  for (const bool secure_client : {false, true}) {
    ShardRig rig(secure_client ? behind_balancers : ShardRig::Change());
    const Peer core = Peer::bound(SOCK_DGRAM);
    rig.upstreams({{Transport::udp, core.port()}});
    const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
    client.send(Request{.method = "INVITE", .transport = "TLS", .uri = kSips}.text());
    const std::string answer = rig.hear(client, "\r\n\r\n");
    CHECK(holds(answer, "SIP/2.0 480 "));
    CHECK(holds(answer, kRefusal));
    CHECK_EQ(core.drain(), "");
  }
}

TEST("PX-16.6-10 a SIPS request does not reach an unencrypted flow (RFC 5630 5.3)") {
  ShardRig rig(behind_balancers);
  const Peer phone = Peer::udp(rig.port(ShardRig::kClientUdp));
  const Peer core = Peer::tcp(rig.port(ShardRig::kCoreTcp));
  core.send(Request{.method = "INVITE", .transport = "TLS", .lines = rig.route_to_udp(phone.port()), .uri = kSips}.text());
  CHECK(holds(rig.hear(core, "\r\n\r\n"), kRefusal));
  CHECK_EQ(phone.drain(), "");
}

TEST("PX-16.6-5 over TLS, Path and Record-Route of a SIPS request are SIPS URIs without transport=tls and lead back to the flow") {
  ShardRig rig(behind_balancers);
  rig->set_tls(std::make_unique<TlsDoubles<ClearTls>>());
  rig.policy = [](unsigned, const int32_t* record, int32_t* verdict) {
    if (record[kRecord_is_response] || record[kRecord_own_routes] > 0) return false;
    verdict[kVerdict_action] = static_cast<int32_t>(Action::relay_upstream);
    verdict[kVerdict_edits] = static_cast<int32_t>(record[kRecord_method] == static_cast<int32_t>(Method::register_) ? kEdit_path | kEdit_path_ob : kEdit_record_route);
    return true;
  };
  const Peer core = Peer::listening();
  rig.upstreams({{Transport::tls, core.port()}});
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  client.send(Request{.method = "REGISTER", .number = 1, .transport = "TLS", .uri = "sips:example.com"}.text());
  rig.turn();
  const Peer connection = rig.accept(core);
  const std::string registered = rig.hear(connection, "Call-ID: c1\r\n");
  client.send(Request{.method = "INVITE", .number = 2, .transport = "TLS", .uri = kSips}.text());
  const std::string invited = rig.hear(connection, "Call-ID: c2\r\n");
  for (const auto& [message, name, end] : {std::tuple(registered, "Path: ", ";lr;ob>\r\n"), std::tuple(invited, "Record-Route: ", ";lr>\r\n")}) {
    CHECK_EQ(count_of(message, std::string("\r\n") + name + "<sips:"), 2u);
    CHECK_EQ(count_of(message, "127.0.0.1:" + std::to_string(rig.port(ShardRig::kClientTcp)) + end), 1u);
    CHECK_EQ(count_of(message, "127.0.0.1:" + std::to_string(rig.port(ShardRig::kCoreTcp)) + end), 1u);
  }
  connection.send(Request{.method = "INVITE", .number = 3, .transport = "TLS", .lines = "Route: " + value_of(registered, "Path") + "\r\n", .uri = "sips:phone@192.0.2.9"}.text());
  CHECK(holds(rig.hear(client, "Call-ID: c3\r\n"), "INVITE sips:phone@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/TLS "));
  client.send(Request{.method = "INVITE", .number = 4, .transport = "TLS"}.text());
  CHECK(holds(rig.hear(connection, "Call-ID: c4\r\n"), ";transport=tls;lr>\r\n"));
}

TEST("PX-16.6-10 where one machine has several targets, a SIPS request goes to the one that speaks TLS") {
  UpstreamSet set;
  Upstream one;
  for (const auto& [transport, port] : {std::pair{Transport::udp, 5060}, {Transport::tcp, 5060}, {Transport::tls, 5061}}) {
    one.address = address("192.0.2.1", static_cast<uint16_t>(port));
    one.transport = transport;
    CHECK(set.add(one, "core.example.com"));
  }
  CHECK_EQ(set.for_sips(0), 2);
  CHECK_EQ(set.for_sips(2), 2);
  set.set_alive(2, false);
  CHECK_EQ(set.for_sips(1), 1);
}

}  // namespace sluice::shard_sips_test
