// A shard goes over to another one, as in the upgrade of a process: every message arrives exactly once, and nobody notices.
#include <algorithm>

#include "shard_rig.h"

namespace sluice::handover_test {
using namespace test;

namespace {

// As they arrive in another process.
struct Moving {
  explicit Moving(Shard& from) {
    CHECK(from.freeze());
    from.write_image(image, flows);
    for (MovingFlow& one : flows) one.fd = dup(one.fd);
    CHECK_EQ(from.collect(), 0u);
  }
  std::string into(Shard& next) {
    const char* fault = next.adopt(Text(image.data(), image.size()), flows);
    for (const MovingFlow& one : flows)
      if (one.fd >= 0) close(one.fd);
    return fault == nullptr ? "" : fault;
  }
  std::vector<char> image;
  std::vector<MovingFlow> flows;
};

// The rig and its successors, one after the other.
class Generations {
 public:
  explicit Generations(const ShardRig::Change& change = nullptr) { rigs_.push_back(std::make_unique<ShardRig>(change)); }
  ShardRig& now() { return *rigs_.back(); }

  // What the successor needs before it takes over.
  std::function<void(ShardRig&)> prepare;

  void upgrade() {
    ShardRig& before = now();
    auto next = std::make_unique<ShardRig>(before);
    next->policy = before.policy;
    if (prepare) prepare(*next);
    Moving moving(*before);
    CHECK_EQ(moving.into(**next), "");
    CHECK_EQ((*next)->open(), 0);
    before->release();
    CHECK_EQ(before.count(Counter::stream_flows), static_cast<int64_t>(before->moving().kept));
    before.turn();
    rigs_.push_back(std::move(next));
  }
  // A successor that takes over nothing.
  void fail() {
    ShardRig& before = now();
    ShardRig next(before);
    if (prepare) prepare(next);
    Moving moving(*before);
    moving.image.back() ^= 1;
    CHECK_EQ(moving.into(*next), "it was damaged on its way");
    next.end();
    before->resume();
  }
  void go(bool fails) { fails ? fail() : upgrade(); }

 private:
  std::vector<std::unique_ptr<ShardRig>> rigs_;
};

// A core that listens, and answers what it gets.
struct Core {
  explicit Core(Transport over = Transport::udp) : transport(over), peer(over == Transport::udp ? Peer::bound(SOCK_DGRAM) : Peer::listening()) {}
  void serve(ShardRig& rig) { rig.upstreams({{transport, peer.port()}}); }
  Transport transport;
  Peer peer;
};

Peer register_over_tcp(ShardRig& rig, const Peer& core) {
  Peer phone = Peer::tcp(rig.port(ShardRig::kClientTcp));
  phone.send(Request{.method = "REGISTER", .transport = "TCP", .lines = "Contact: <sip:alice@10.0.0.1;transport=tcp;ob>;reg-id=1;+sip.instance=\"<urn:x>\"\r\nSupported: outbound, path\r\n"}.text());
  const std::string request = rig.hear(core, "REGISTER");
  core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(request, 200, "Contact: <sip:alice@10.0.0.1;transport=tcp;ob>;expires=600\r\n"));
  rig.hear(phone, "200 Whatever");
  return phone;
}

}  // namespace

// Both outcomes of a hand-over look the same from outside.
#define BOTH(fails) for (const bool fails : {false, true})

TEST("a connection goes over with its registration, and its token leads to it") {
  BOTH(fails) {
    Generations all;
    Core core;
    all.prepare = [&](ShardRig& rig) { core.serve(rig); };
    core.serve(all.now());
    Peer phone = register_over_tcp(all.now(), core.peer);
    const FlowHandle flow = all.now().flow(FlowKind::stream);
    const std::string route = all.now().route_to(flow, ShardRig::kCoreUdp);
    all.go(fails);
    ShardRig& rig = all.now();
    CHECK(rig.at(flow) != nullptr);
    core.peer.send_to(rig.port(ShardRig::kCoreUdp), Request{.method = "OPTIONS", .number = 2, .lines = route}.text());
    const std::string asked = rig.hear(phone, "OPTIONS");
    CHECK_EQ(count_of(asked, "OPTIONS sip:"), 1u);
    phone.send(answer_to(asked, 200));
    CHECK(holds(rig.hear(core.peer, "200 Whatever"), "Call-ID: c2"));
    phone.close();
    CHECK(rig.until([&] { return rig.at(flow) == nullptr; }));
    CHECK_EQ(rig.count(Counter::stream_flows), 0);
  }
}

TEST("a message over TCP may be cut anywhere by a hand-over") {
  const std::string text = Request{.number = 5, .transport = "TCP", .body = std::string(300, 'b')}.text() + "\r\n\r\n";
  Core core;
  Generations all;
  all.prepare = [&](ShardRig& rig) { core.serve(rig); };
  core.serve(all.now());
  Peer phone = Peer::tcp(all.now().port(ShardRig::kClientTcp));
  for (size_t cut = 1; cut < text.size(); cut += cut < text.size() - 310 && cut > 20 ? 37 : cut < 20 ? 1 : 97) {
    phone.send(text.substr(0, cut));
    all.now().turn();
    all.go(cut % 3 == 0);
    phone.send(text.substr(cut));
    CHECK_EQ(count_of(all.now().hear(core.peer, "bbb") + core.peer.drain(), "MESSAGE sip:"), 1u);
    CHECK_EQ(all.now().hear(phone, "\r\n"), "\r\n");
  }
}

}  // namespace sluice::handover_test
