// What waits to be sent: how much there may be, and what happens when it cannot leave.
#include "shard_rig.h"

namespace sluice::shard_queue_test {
using namespace test;

TEST("TR-23 a full batch of long requests waits for a core that is being dialled, and none is refused") {
  ShardRig rig;
  const Peer core = Peer::listening();
  rig.upstreams({{Transport::tcp, core.port()}});
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  for (int i = 0; i < 64; ++i) client.send(Request{.method = "INVITE", .number = i, .body = std::string(2200, 'b')}.text());
  rig.turn();
  const Peer connection = rig.accept(core);
  std::string got;
  CHECK(rig.until([&] { return count_of(got += connection.drain(), "INVITE sip:") == 64; }));
  CHECK_EQ(client.drain(), "");
  CHECK(rig.upstream_lives());
  CHECK_EQ(rig.count(Counter::flows_overrun), 0);
  for (int i = 0; i < 64; ++i) CHECK(holds(got, "Call-ID: c" + std::to_string(i) + "\r\n"));
}

TEST("TR-23 a request that does not fit in the queue of a core being dialled gets 503, and the core counts as alive") {
  ShardRig rig([](EdgeConfig& config) { config.limits.max_core_queue = 16 * 1024; });
  const Peer core = Peer::listening();
  rig.upstreams({{Transport::tcp, core.port()}});
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  for (int i = 0; i < 20; ++i) client.send(Request{.number = i, .body = std::string(2000, 'b')}.text());
  rig.turn();
  const Peer connection = rig.accept(core);
  rig.turn();
  const size_t relayed = count_of(connection.drain(), "MESSAGE sip:");
  CHECK(relayed >= 5 && relayed <= 8);
  CHECK_EQ(count_of(client.drain(), "SIP/2.0 503"), 20 - relayed);
  CHECK(rig.upstream_lives());
}

TEST("a core that does not read for a while loses nothing up to the size of its queue, and gets everything in order") {
  ShardRig rig;
  const Peer core = Peer::listening();
  rig.upstreams({{Transport::tcp, core.port()}});
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  client.send(Request{.number = 0}.text());
  rig.turn();
  const Peer connection = rig.accept(core);
  // More than the kernel's buffers take, so that megabytes wait here.
  int sent = 1;
  const auto waits = [&] {
    std::vector<FlowFacts> found;
    uint32_t cursor = 0;
    FlowFilter filter;
    filter.slot = rig.flow(FlowKind::stream, true).slot;
    rig->inspect().flows(cursor, 1, 1, filter, found);
    return found.empty() ? size_t{0} : found[0].unsent;
  };
  while (waits() < (3u << 20) && sent < 4000) {
    for (int i = 0; i < 16; ++i) client.send(Request{.number = sent++, .body = std::string(8000, 'b')}.text());
    rig.turn();
  }
  CHECK(waits() >= (3u << 20));
  CHECK_EQ(rig.count(Counter::flows_overrun), 0);
  const std::string last = "Call-ID: c" + std::to_string(sent - 1) + "\r\n";
  std::string got;
  CHECK(rig.until([&] {
    const std::string more = connection.drain();
    got += more;
    return holds(more, last) || (more.empty() && holds(got, last));
  }));
  size_t at = 0;
  for (int i = 0; i < sent; ++i) {
    at = got.find("Call-ID: c" + std::to_string(i) + "\r\n", at);
    CHECK(at != std::string::npos);
  }
  CHECK_EQ(waits(), 0u);
}

TEST("OB-5.3.1-12 a client that does not read may have max_queue octets waiting, more than any pool buffer, and is closed beyond that") {
  ShardRig rig([](EdgeConfig& config) { config.limits.max_queue = 600 * 1024; });
  Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  const int small = 4096;
  setsockopt(client.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  rig.turn();
  const FlowHandle flow = rig.flow(FlowKind::stream);
  const Peer core = Peer::udp(rig.port(ShardRig::kCoreUdp));
  size_t most = 0;
  for (int i = 0; i < 3000 && rig.count(Counter::flows_overrun) == 0; ++i) {
    core.send(Request{.number = i, .lines = rig.route_to(flow), .body = std::string(4000, 'b')}.text());
    rig.turn();
    if (const Flow* known = rig.at(flow); known != nullptr) most = std::max(most, known->stream.out.octets());
  }
  CHECK_EQ(rig.count(Counter::flows_overrun), 1);
  CHECK(most > 590 * 1024);
  CHECK(rig.at(flow) == nullptr);
}

TEST("DNS-5 requests for a core that refuses the connection go to the next one, in the same turn") {
  ShardRig rig;
  const Peer second = Peer::bound(SOCK_DGRAM);
  const uint16_t nobody = Peer::bound(SOCK_STREAM).port();
  rig.upstreams({{Transport::tcp, nobody}, {Transport::udp, second.port()}});
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  for (int i = 0; i < 5; ++i) client.send(Request{.number = i}.text());
  const std::string got = rig.hear(second, "Call-ID: c4\r\n");
  CHECK_EQ(count_of(got, "MESSAGE sip:"), 5u);
  CHECK(holds(got, "Via: SIP/2.0/UDP 127.0.0.1:" + std::to_string(rig.port(ShardRig::kCoreUdp)) + ";rport;branch=z9hG4bK"));
  CHECK(!rig.upstream_lives(0));
  CHECK_EQ(client.drain(), "");
}

TEST("a request at the limit of Via values or header fields does not hold up other responses") {
  std::string fields;
  for (int i = 0; i < 193; ++i) fields += "X-Field: 1\r\n";
  for (const Request& longest : {Request{.number = 1, .vias = 70}, Request{.number = 1, .lines = fields}}) {
    ShardRig rig;
    rig.upstreams({{Transport::tcp, Peer::bound(SOCK_STREAM).port()}});
    const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
    client.send(longest.text());
    client.send(Request{.number = 2}.text());
    const std::string got = rig.hear(client, "Call-ID: c2\r\n");
    CHECK_EQ(count_of(got, "SIP/2.0 503"), 2u);
    CHECK(holds(got, "Call-ID: c1\r\n"));
  }
}

TEST("OB-5.3.1-9 430 reaches the sender of a request at the limit of Via values") {
  ShardRig rig;
  Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  const Peer core = Peer::udp(rig.port(ShardRig::kCoreUdp));
  core.send(Request{.method = "INVITE", .lines = rig.route_to(rig.flow(FlowKind::stream)), .vias = 70}.text());
  rig.hear(client, "INVITE sip:");
  CHECK_EQ(rig->pending(), 1u);
  client.close();
  CHECK(holds(rig.hear(core, "SIP/2.0"), "SIP/2.0 430 Flow Failed"));
  CHECK_EQ(rig->pending(), 0u);
}

TEST("a shard that ends leaves no borrowed buffer behind") {
  // The leak sanitizer checks this.
  ShardRig rig;
  const Peer core = Peer::listening();
  rig.upstreams({{Transport::tcp, core.port()}});
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  client.send(Request{.method = "INVITE"}.text());  // remembered, and unsent while nobody accepts
  const Peer half = Peer::tcp(rig.port(ShardRig::kClientTcp));
  half.send("MESSAGE sip:bob@example.com SIP/2.0\r\nVia: ");
  rig.turn();
  CHECK_EQ(rig->pending(), 1u);
  rig.end();
}

}  // namespace sluice::shard_queue_test
