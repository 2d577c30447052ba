// An image that is cut, changed or another shard's is refused as a whole, with a reason.
#include <random>

#include "core/base/crc32c.h"
#include "handover_rig.h"

namespace sluice::handover_image_test {
using namespace test;

namespace {

// A shard that holds something of everything.
struct Full {
  Full() {
    rig.upstreams({{Transport::tcp, core.port()}});
    udp.send(Request{.method = "INVITE", .number = 1}.text());
    rig.turn();
    connection = rig.accept(core);
    rig.hear(connection, "INVITE sip:");
    tcp = Peer::tcp(rig.port(ShardRig::kClientTcp));
    tcp.send(Request{.method = "REGISTER", .number = 2, .transport = "TCP", .lines = "Contact: <sip:a@h;ob>;reg-id=1\r\n"}.text() + "OPTIONS");
    rig.hear(connection, "REGISTER");
    ws = Peer::tcp(rig.port(ShardRig::kClientWs));
    ws.send("GET / HTTP/1.1\r\n");
    rig.turn();
  }
  ShardRig rig;
  Peer core = Peer::listening();
  Peer connection, tcp, ws;
  Peer udp = Peer::udp(rig.port(ShardRig::kClientUdp));
};

std::string adopt(ShardRig& into, const std::vector<char>& image, const std::vector<MovingFlow>& flows) {
  std::vector<MovingFlow> own = flows;
  for (MovingFlow& one : own) one.fd = dup(one.fd);
  const char* const fault = into->adopt(Text(image.data(), image.size()), own);
  for (const MovingFlow& one : own)
    if (one.fd >= 0) close(one.fd);
  return fault == nullptr ? "" : fault;
}

void mend(std::vector<char>& image) {
  ImageHead head;
  if (image.size() < sizeof head) return;
  std::memcpy(&head, image.data(), sizeof head);
  head.size = image.size() - sizeof head;
  head.crc = 0;
  head.crc = crc32c(crc32c(0, &head, sizeof head), image.data() + sizeof head, head.size);
  std::memcpy(image.data(), &head, sizeof head);
}

}  // namespace

TEST("an image that is cut or changed anywhere is refused, and the shard that refuses it can take over the whole one") {
  Full full;
  CHECK(full.rig->freeze());
  std::vector<char> image;
  std::vector<MovingFlow> flows;
  full.rig->write_image(image, flows);
  CHECK(image.size() > 1000);
  ShardRig next(full.rig);
  for (size_t size = 0; size < image.size(); size += size < 100 ? 1 : 13) {
    const std::vector<char> cut(image.begin(), image.begin() + static_cast<ptrdiff_t>(size));
    CHECK(adopt(next, cut, flows) != "");
  }
  for (size_t at = 0; at < image.size(); at += at < 100 ? 1 : 7) {
    std::vector<char> changed = image;
    changed[at] = static_cast<char>(changed[at] ^ 1 << at % 8);
    CHECK(adopt(next, changed, flows) != "");
  }
  CHECK_EQ(next.count(Counter::stream_flows), 0);
  CHECK_EQ(adopt(next, image, flows), "");
  CHECK_EQ(next.count(Counter::stream_flows), 3);
  CHECK_EQ(next->pending(), 1u);
}

TEST("an image with a right checksum and anything else wrong is refused or taken over, and never more than that") {
  Full full;
  CHECK(full.rig->freeze());
  std::vector<char> image;
  std::vector<MovingFlow> flows;
  full.rig->write_image(image, flows);
  std::mt19937 random(7);
  const auto any = [&](size_t most) { return std::uniform_int_distribution<size_t>(0, most)(random); };
  unsigned refused = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<char> changed = image;
    if (round % 3 == 0) changed.resize(sizeof(ImageHead) + any(image.size() - sizeof(ImageHead)));
    for (size_t left = any(3); left > 0 && changed.size() > sizeof(ImageHead); --left) {
      const size_t at = sizeof(ImageHead) + any(changed.size() - sizeof(ImageHead) - 1);
      changed[at] = static_cast<char>(any(3) == 0 ? 0xff : any(255));
    }
    mend(changed);
    ShardRig next(full.rig);
    if (adopt(next, changed, flows) != "") {
      ++refused;
      CHECK_EQ(next.count(Counter::stream_flows), 0);
      CHECK_EQ(next.count(Counter::udp_flows), 0);
      CHECK_EQ(next->pending(), 0u);
    } else {
      CHECK_EQ(next->open(), 0);
      next.turn();
    }
    // Its end must not reach the peers.
    CHECK(next->freeze());
    std::vector<char> again;
    std::vector<MovingFlow> none;
    next->write_image(again, none);
    next.end();
  }
  CHECK(refused > 100);
}

TEST("the reason says what does not fit") {
  Full full;
  CHECK(full.rig->freeze());
  std::vector<char> image;
  std::vector<MovingFlow> flows;
  full.rig->write_image(image, flows);
  const auto reason = [&](const ShardRig::Change& change) {
    ShardRig next(full.rig, change);
    return adopt(next, image, flows);
  };
  CHECK_EQ(reason([](EdgeConfig& config) { config.boot = 8; }), "it is of another process");
  CHECK_EQ(reason([](EdgeConfig& config) { config.node = 3; }), "SLUICE_NODE has changed");
  CHECK_EQ(reason([](EdgeConfig& config) { config.shards = 2; }), "SLUICE_SHARDS has changed, or it is another shard's");
  CHECK_EQ(reason([](EdgeConfig& config) { config.listeners[1].bound.port ^= 1; }), "its listeners are others, or in another order");
  CHECK_EQ(reason([](EdgeConfig& config) { config.limits.max_buffer_bytes = 1; }), "it holds more octets than a shard may");
  CHECK_EQ(reason([](EdgeConfig& config) { config.limits.max_flows = 1; }), "");  // those that are there stay
  ShardRig next(full.rig);
  CHECK_EQ(adopt(next, image, {}), "the descriptor of a connection has not arrived");
  const auto with_version = [&](uint32_t version) {
    std::vector<char> other = image;
    std::memcpy(other.data() + offsetof(ImageHead, version), &version, sizeof version);
    mend(other);
    return adopt(next, other, flows);
  };
  CHECK_EQ(with_version(kImageVersion + 1), "a newer version has written it in a layout that this one does not know");
  CHECK_EQ(with_version(0), "it is of a version so old that this one no longer reads it");
}

}  // namespace sluice::handover_image_test
