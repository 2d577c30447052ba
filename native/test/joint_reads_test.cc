// Connections that become readable together are read together, and nobody can tell: the same messages in the same order, whatever the others
// did in that turn. Without io_uring they are read one by one, and the same must hold.
#include "shard_rig.h"
#include "tls_doubles.h"
#include "websocket_client.h"

namespace sluice::joint_reads_test {
using namespace test;

namespace {

std::string request(int number, const std::string& transport = "TCP", const std::string& body = "") { return Request{.number = number, .transport = transport, .body = body}.text(); }

// Where the Call-ID of this request is; npos: it has not come.
size_t place_of(const std::string& octets, int number) { return octets.find("\r\nCall-ID: c" + std::to_string(number) + "\r\n"); }

std::vector<Peer> clients(const ShardRig& rig, size_t count, size_t listener = ShardRig::kClientTcp) {
  std::vector<Peer> all;
  for (size_t i = 0; i < count; ++i) all.push_back(Peer::tcp(rig.port(listener)));
  return all;
}

// Everything the core gets until nothing more comes.
std::string relayed(ShardRig& rig, const Peer& core) {
  std::string all;
  rig.until([&] {
    const std::string more = core.drain();
    all += more;
    return more.empty();
  });
  return all;
}

}  // namespace

TEST("TR-17 sixty connections at once, with more messages than two turns take: each message once, in the order of its connection") {
  ShardRig rig([](EdgeConfig& config) { config.limits.max_flows_per_source = 1000; });
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const std::vector<Peer> all = clients(rig, 60);
  rig.turn();
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 60; ++i) {
      const int first = round * 1000 + i * 10;
      all[static_cast<size_t>(i)].send(request(first) + "\r\n\r\n" + request(first + 1) + request(first + 2));
    }
    const std::string got = relayed(rig, core);
    for (int i = 0; i < 60; ++i) {
      const int first = round * 1000 + i * 10;
      CHECK(place_of(got, first) < place_of(got, first + 1));
      CHECK(place_of(got, first + 1) < place_of(got, first + 2));
      CHECK(place_of(got, first + 2) != std::string::npos);
      CHECK_EQ(all[static_cast<size_t>(i)].drain(), "\r\n");
    }
    CHECK_EQ(count_of(got, "\r\nCall-ID: "), 180u);
  }
  CHECK_EQ(rig.count(Counter::malformed), 0);
}

TEST("TR-17 connections that send a whole message, a part, rubbish, a long message, or end, all at once: each gets what it would get alone") {
  ShardRig rig;
  rig->set_tls(std::make_unique<TlsDoubles<GreetingTls>>());
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const std::vector<Peer> plain = clients(rig, 4);
  Peer half = Peer::tcp(rig.port(ShardRig::kClientTcp)), rubbish = Peer::tcp(rig.port(ShardRig::kClientTcp)), leaves = Peer::tcp(rig.port(ShardRig::kClientTcp)),
       cut_off = Peer::tcp(rig.port(ShardRig::kClientTcp)), lengthy = Peer::tcp(rig.port(ShardRig::kClientTcp)), empty = Peer::tcp(rig.port(ShardRig::kClientTcp));
  const std::vector<Peer> tls = clients(rig, 3, ShardRig::kClientTls), ws = clients(rig, 3, ShardRig::kClientWs);
  rig.turn();
  for (const Peer& one : tls) one.send("H");
  for (const Peer& one : ws) one.send(websocket_upgrade());
  rig.turn();
  for (const Peer& one : ws) CHECK(holds(one.drain(), "101"));
  const std::string halves = request(20), body(15'000, 'b'), lengthy_text = request(30, "TCP", body);

  for (int i = 0; i < 4; ++i) plain[static_cast<size_t>(i)].send(request(1 + i));
  half.send(halves.substr(0, 90));
  rubbish.send("GET / HTTP/1.1\r\n\r\n");
  leaves.send(request(40));
  leaves.half_close();
  cut_off.send(request(41));
  cut_off.reset();
  lengthy.send(lengthy_text.substr(0, 9'000));
  empty.half_close();
  for (int i = 0; i < 3; ++i) {
    const std::string text = request(50 + i, "TLS");
    tls[static_cast<size_t>(i)].send(i == 0 ? text + "|" + text.substr(0, 40) : text + "|");
    ws[static_cast<size_t>(i)].send(websocket_frame(1, request(60 + i, "WS")));
  }
  std::string got = relayed(rig, core);
  for (const int number : {1, 2, 3, 4, 40, 50, 51, 52, 60, 61, 62}) CHECK(place_of(got, number) != std::string::npos);
  CHECK(place_of(got, 20) == std::string::npos && place_of(got, 30) == std::string::npos);
  CHECK(holds(rubbish.drain(), "<EOF>"));
  CHECK_EQ(empty.drain(), "<EOF>");

  half.send(halves.substr(90));
  lengthy.send(lengthy_text.substr(9'000));
  tls[0].send(request(50, "TLS").substr(40) + "|");
  plain[0].send(request(5));
  got = relayed(rig, core);
  for (const int number : {5, 20, 30, 50}) CHECK(place_of(got, number) != std::string::npos);
  CHECK(holds(got, body.substr(0, 5'000)));
}

TEST("a connection that sends more than its share does not hold up the others of its turn") {
  ShardRig rig;
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const std::vector<Peer> all = clients(rig, 20);
  rig.turn();
  std::string many;
  for (int i = 0; i < 150; ++i) many += request(1000 + i);
  all[0].send(many);
  for (int i = 1; i < 20; ++i) all[static_cast<size_t>(i)].send(request(i));
  const std::string got = relayed(rig, core);
  const size_t end = place_of(got, 1149);
  CHECK(end != std::string::npos);
  for (int i = 1; i < 20; ++i) CHECK(place_of(got, i) < end);
  CHECK_EQ(count_of(got, "\r\nCall-ID: "), 169u);
}

TEST("with no room left to keep what a turn has no place for, nobody is read in vain: no connection ends") {
  ShardRig rig([](EdgeConfig& config) { config.limits.max_buffer_bytes = 40 * 1024; });
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const std::vector<Peer> all = clients(rig, 40);
  rig.turn();
  for (int i = 0; i < 40; ++i) all[static_cast<size_t>(i)].send(request(i * 10) + request(i * 10 + 1) + request(i * 10 + 2));
  const std::string got = relayed(rig, core);
  CHECK_EQ(count_of(got, "\r\nCall-ID: "), 120u);
  CHECK_EQ(rig.count(Counter::flows_refused), 0);
  for (const Peer& one : all) CHECK_EQ(one.drain(), "");
}

}  // namespace sluice::joint_reads_test
