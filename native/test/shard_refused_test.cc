// Requests that cannot be sent, and tables that one source tries to fill: nobody waits for a timeout, and others are served.
#include "shard_rig.h"

namespace sluice::shard_refused_test {
using namespace test;

namespace {

// Unreachable from a socket bound to 127.0.0.1.
const char* const kNowhere = "192.0.2.1";

UpstreamSet nowhere_then(uint16_t port) {
  UpstreamSet set;
  Upstream one;
  one.address = address(kNowhere, 5060);
  CHECK(set.add(one, kNowhere));
  if (port == 0) return set;
  one.address = address("127.0.0.1", port);
  one.priority = 1;
  CHECK(set.add(one, "127.0.0.1"));
  return set;
}

}  // namespace

TEST("PX-16.9-1 a request to an unreachable upstream gets 503 at once, over UDP and TCP, and nothing waits for it") {
  ShardRig rig;
  rig->set_upstreams(nowhere_then(0));
  const Peer udp = Peer::udp(rig.port(ShardRig::kClientUdp));
  const Peer tcp = Peer::tcp(rig.port(ShardRig::kClientTcp));
  udp.send(Request{.method = "INVITE"}.text());
  CHECK(holds(rig.hear(udp, "SIP/2.0"), "SIP/2.0 503 Service Unavailable\r\n"));
  rig->set_upstreams(nowhere_then(0));
  tcp.send(Request{.method = "INVITE", .number = 2, .transport = "TCP"}.text());
  CHECK(holds(rig.hear(tcp, "SIP/2.0"), "SIP/2.0 503 Service Unavailable\r\n"));
  CHECK_EQ(rig->pending(), 0u);
}

TEST("DNS-5 a request to an unreachable upstream goes to the next one, which gets all later requests") {
  ShardRig rig;
  const Peer second = Peer::bound(SOCK_DGRAM);
  rig->set_upstreams(nowhere_then(second.port()));
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  client.send(Request{.method = "INVITE", .number = 1}.text());
  rig.hear(second, "Call-ID: c1\r\n");
  CHECK(!rig.upstream_lives(0));
  client.send(Request{.method = "INVITE", .number = 2}.text());
  rig.hear(second, "Call-ID: c2\r\n");
  CHECK_EQ(client.drain(), "");
}

TEST("PX-16.9-1 OB-5.3.1-9 a request to an unreachable flow gets 430 at once") {
  ShardRig rig;
  const Peer core = Peer::udp(rig.port(ShardRig::kCoreUdp));
  FlowName flow;
  flow.kind = FlowKind::udp;
  flow.birth = birth_at(rig.time.unix_seconds());
  flow.remote = address(kNowhere, 5060);
  flow.local = rig->config().listeners[ShardRig::kClientUdp].bound;
  core.send(Request{.method = "INVITE", .lines = rig.route_to(flow, ShardRig::kCoreUdp)}.text());
  CHECK(holds(rig.hear(core, "SIP/2.0"), "SIP/2.0 430 Flow Failed\r\n"));
  CHECK_EQ(rig->pending(), 0u);
}

TEST("PX-16.9-1 a request that the kernel does not let through, as with a filter, gets 503 at once, and its upstream stays in use") {
  ShardRig rig;
  const char* const kForbidden = "127.255.255.255";  // a broadcast, which gives EACCES
  UpstreamSet set;
  Upstream one;
  one.address = address(kForbidden, 5060);
  CHECK(set.add(one, kForbidden));
  rig->set_upstreams(set);
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  for (int number = 1; number <= 2; ++number) {
    client.send(Request{.method = "INVITE", .number = number}.text());
    CHECK(holds(rig.hear(client, "SIP/2.0"), "SIP/2.0 503 Service Unavailable\r\n"));
    CHECK(rig.upstream_lives());
  }
  CHECK_EQ(rig->pending(), 0u);
  FlowName flow;
  flow.kind = FlowKind::udp;
  flow.birth = birth_at(rig.time.unix_seconds());
  flow.remote = address(kForbidden, 5060);
  flow.local = rig->config().listeners[ShardRig::kClientUdp].bound;
  const Peer core = Peer::udp(rig.port(ShardRig::kCoreUdp));
  core.send(Request{.method = "INVITE", .number = 3, .lines = rig.route_to(flow, ShardRig::kCoreUdp)}.text());
  CHECK(holds(rig.hear(core, "SIP/2.0"), "SIP/2.0 503 Service Unavailable\r\n"));
  CHECK_EQ(rig->pending(), 0u);
}

TEST("PX-16.9-1 OB-13-1 a request that is too long for a datagram gets 513 at once; its flow and its upstream take the next one") {
  ShardRig rig;
  const Peer upstream = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, upstream.port()}});
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp)), core = Peer::udp(rig.port(ShardRig::kCoreUdp));
  rig.clients_hear_us();
  const FlowName flow = [&] {
    FlowName name;
    name.kind = FlowKind::udp;
    name.birth = birth_at(rig.time.unix_seconds());
    name.remote = address("127.0.0.1", client.port());
    name.local = rig->config().listeners[ShardRig::kClientUdp].bound;
    return name;
  }();
  const auto of_octets = [](Request request, size_t octets) {
    request.body.assign(octets - request.text().size() - 4, 'x');
    CHECK_EQ(request.text().size(), octets);
    return request.text();
  };
  core.send(of_octets({.method = "INVITE", .number = 1, .lines = rig.route_to(flow, ShardRig::kCoreUdp)}, 65'507));
  CHECK(holds(rig.hear(core, "SIP/2.0"), "SIP/2.0 513 Message Too Large\r\n"));
  core.send(Request{.method = "INVITE", .number = 2, .lines = rig.route_to(flow, ShardRig::kCoreUdp)}.text());
  rig.hear(client, "Call-ID: c2\r\n");
  client.send(of_octets({.method = "INVITE", .number = 3}, 65'507));
  CHECK(holds(rig.hear(client, "SIP/2.0"), "SIP/2.0 513 Message Too Large\r\n"));
  CHECK(rig.upstream_lives());
  client.send(Request{.method = "INVITE", .number = 4}.text());
  rig.hear(upstream, "Call-ID: c4\r\n");
}

TEST("in a table that fills up one source gets an eighth, and others are still remembered") {
  ShardRig rig([](EdgeConfig& config) { config.limits.max_pending = 160; });
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  for (int i = 0; i < 120; ++i) client.send(Request{.method = "INVITE", .number = i, .transport = "TCP"}.text());
  CHECK(rig.until([&] { return rig.count(Counter::requests_relayed) == 120; }));
  CHECK_EQ(rig->pending(), 81u);
  CHECK_EQ(rig.count(Counter::pending_refused), 39);
  const Peer other = Peer::tcp(rig.port(ShardRig::kClientTcp), "127.0.0.7");
  other.send(Request{.method = "INVITE", .number = 500, .transport = "TCP"}.text());
  CHECK(rig.until([&] { return rig.count(Counter::requests_relayed) == 121; }));
  CHECK_EQ(rig->pending(), 82u);
}

}  // namespace sluice::shard_refused_test
