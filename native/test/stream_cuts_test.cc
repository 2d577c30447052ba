// A stream is read the same however its octets are cut: one at a time, at any two positions around a line end, and when one read contains
// more than a turn takes.
#include "shard_rig.h"

namespace sluice::stream_cuts_test {
using namespace test;

namespace {

// Requests with keep-alives before, between and after them: complete ones, and halves that mean nothing.
std::string pipelined(int first, int count) {
  std::string out = "\r\n\r\n";
  for (int i = 0; i < count; ++i) {
    out += Request{.number = first + i, .transport = "TCP", .body = i % 2 == 0 ? "" : "a\r\n\r\n\r"}.text();
    out += i % 3 == 0 ? "\r\n\r\n" : i % 3 == 1 ? "\r\n" : "";
  }
  return out;
}

// The Call-IDs in order of arrival.
std::string heard(const std::string& octets) {
  std::string all;
  for (size_t at = 0; (at = octets.find("\r\nCall-ID: ", at)) != std::string::npos; ++at) all += octets.substr(at + 11, octets.find('\r', at + 2) - at - 11) + " ";
  return all;
}

std::string ids(int first, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += "c" + std::to_string(first + i) + " ";
  return all;
}

}  // namespace

TEST("TR-17 OB-5.4-2 requests with keep-alives between them, one octet per segment") {
  ShardRig rig;
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  std::string got, pongs;
  for (const char octet : pipelined(1, 6)) {
    client.send(std::string(1, octet));
    rig.turn();
    got += core.drain();
    pongs += client.drain();
  }
  CHECK_EQ(heard(got), ids(1, 6));
  CHECK_EQ(pongs, "\r\n\r\n\r\n");  // the first, and after requests 1 and 4
  CHECK_EQ(rig.count(Counter::malformed), 0);
}

TEST("TR-17 responses of a core over a connection that we dialled, one octet per segment, with keep-alives between them") {
  ShardRig rig;
  const Peer core = Peer::listening();
  rig.upstreams({{Transport::tcp, core.port()}});
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  for (int i = 1; i <= 3; ++i) client.send(Request{.number = i}.text());
  rig.turn();
  const Peer connection = rig.accept(core);
  const std::string requests = rig.hear(connection, "Call-ID: c3\r\n");
  std::string answers;
  for (size_t at = 0; (at = requests.find("MESSAGE sip:", at)) != std::string::npos; ++at)
    answers += answer_to(requests.substr(at, requests.find("MESSAGE sip:", at + 1) - at), 200) + "\r\n\r\n";
  std::string got;
  for (const char octet : answers) {
    connection.send(std::string(1, octet));
    rig.turn();
    got += client.drain();
  }
  CHECK_EQ(heard(got), ids(1, 3));
  CHECK_EQ(rig.count(Counter::malformed), 0);
  CHECK_EQ(rig.count(Counter::pings), 3);
}

TEST("TR-17 a stream cut at any two positions around a line end") {
  ShardRig rig([](EdgeConfig& config) { config.limits.pings_per_second = 60'000; });
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  const std::string stream = pipelined(1, 2);
  std::vector<size_t> places;
  for (size_t at = 1; at < stream.size(); ++at)
    if (stream[at] == '\r' || stream[at] == '\n' || stream[at - 1] == '\n') places.push_back(at);
  size_t pongs = 0;
  for (size_t one = 0; one < places.size(); ++one) {
    for (size_t other = one + 1; other < places.size(); ++other) {
      std::string got;
      for (const std::string& piece : {stream.substr(0, places[one]), stream.substr(places[one], places[other] - places[one]), stream.substr(places[other])}) {
        client.send(piece);
        rig.turn();
        got += core.drain();
      }
      CHECK_EQ(heard(got), ids(1, 2));
      // Each stream ends with half a keep-alive, which the next one completes.
      pongs += client.drain().size() / 2;
    }
  }
  CHECK(pongs > places.size());
  CHECK_EQ(rig.count(Counter::malformed), 0);
}

TEST("TR-17 more requests than a turn takes, cut in the middle of a line end") {
  for (const size_t cut : {1u, 2u, 3u, 20'000u}) {
    ShardRig rig;
    const Peer core = Peer::bound(SOCK_DGRAM);
    rig.upstreams({{Transport::udp, core.port()}});
    const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
    rig.turn();
    const std::string stream = pipelined(1, 150);
    std::string got;
    for (const std::string& piece : {stream.substr(0, stream.size() - cut), stream.substr(stream.size() - cut)}) {
      client.send(piece);
      rig.until([&] {
        const std::string more = core.drain();
        got += more;
        return more.empty();
      });
    }
    CHECK(rig.until([&] { return holds(got += core.drain(), "Call-ID: c150\r\n"); }));
    CHECK_EQ(heard(got), ids(1, 150));
    CHECK_EQ(rig.count(Counter::malformed), 0);
  }
}

}  // namespace sluice::stream_cuts_test
