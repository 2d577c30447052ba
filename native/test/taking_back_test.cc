// A shard that has been handed over, and goes on because the other process dies: what passed over its flows meanwhile must not be forgotten. The
// death is that nobody takes a turn of the other shard any more.
#include "handover_rig.h"
#include "keeper_double.h"
#include "tls_doubles.h"
#include "websocket_client.h"

namespace sluice::taking_back_test {
using namespace test;

namespace {

enum class Memory : uint8_t { kept, shown, unknown };  // the keeper has it; the other process has shown it; nobody has

class Death {
 public:
  explicit Death(Memory memory) : memory_(memory) {
    CHECK_EQ(DescriptorChannel::open(ends_), 0);
    prepare(old);
    if (memory_ != Memory::kept) return;
    CHECK_EQ(old->keep(ends_[0]), 0);
    old->kept().tell_memory(false);
  }
  ~Death() {
    // The connections are the old one's: whoever is dead ends without a word.
    for (const auto& rig : dead_) (*rig)->kept().stop(false);
    old->kept().stop(false);
    for (const int end : ends_) close(end);
  }
  void take_over(uint32_t layout = kImageVersion) {
    auto next = std::make_unique<ShardRig>(old);
    prepare(*next);
    if (memory_ != Memory::unknown) CHECK_EQ((*next)->keep(memory_ == Memory::kept ? ends_[0] : -1), 0);
    Moving moving(*old, layout);
    CHECK_EQ(moving.into(**next), "");
    if (memory_ == Memory::kept) (*next)->kept().tell_memory(true);
    if (memory_ == Memory::shown) CHECK_EQ((*next)->kept().show_memory(ends_[0], true), 0);
    CHECK_EQ((*next)->open(), 0);
    dead_.push_back(std::move(next));
    now().turn();
  }
  void die() {
    std::vector<LeftFlows> left(1);
    if (memory_ == Memory::kept) {
      hear();
      int give[2];
      CHECK_EQ(DescriptorChannel::open(give), 0);
      DescriptorChannel to(give[1]);
      CHECK_EQ(holdings.give_flows(to), 0);
      CHECK_EQ(receive_left(give[0], left), 0);
      for (const int end : give) close(end);
    } else {
      left[0].memory = receive_memory(ends_[1]);
      CHECK_EQ(left[0].memory >= 0, memory_ == Memory::shown);
    }
    counts = {};
    old->take_back(left[0].memory, std::exchange(left[0].flows, {}), counts);
    left[0].drop();
    old->resume();
    old.turn();
    hear();
  }
  ShardRig& now() { return *dead_.back(); }

  const Peer core = Peer::bound(SOCK_DGRAM);
  ShardRig old;
  Holdings holdings;
  RevivedCounts counts;

 private:
  void prepare(ShardRig& rig) {
    rig.upstreams({{Transport::udp, core.port()}});
    rig->set_tls(tls_);
  }
  void hear() {
    if (memory_ == Memory::kept) take_all(ends_[1], holdings);
  }

  const Memory memory_;
  int ends_[2] = {-1, -1};
  std::vector<std::unique_ptr<ShardRig>> dead_;
  std::shared_ptr<TlsProvider> tls_ = std::make_shared<NumberedProvider>();
};

// Over TLS, with the numbers of both directions.
struct SecurePhone {
  explicit SecurePhone(ShardRig& rig) : peer(Peer::tcp(rig.port(ShardRig::kClientTls))) {
    peer.send("?");
    rig.hear(peer, "!");
  }
  std::string seal(const std::string& text) { return std::string(1, static_cast<char>('a' + sent++ % 26)) + text + "|"; }
  // A request to the core, and its answer, whose record has the number that comes.
  void asks(ShardRig& rig, const Peer& core, int number) {
    peer.send(seal(Request{.method = "OPTIONS", .number = number, .transport = "TLS"}.text()));
    core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(rig.hear(core, "Call-ID: c" + std::to_string(number)), 200));
    const std::string got = rig.hear(peer, "200 Whatever");
    CHECK_EQ(got[0], static_cast<char>('a' + heard++ % 26));
  }
  const Peer peer;
  uint32_t sent = 0, heard = 0;
};

void asks(ShardRig& rig, const Peer& core, const Peer& phone, int number, bool in_frame) {
  const std::string request = Request{.method = "OPTIONS", .number = number, .transport = in_frame ? "WS" : "TCP"}.text();
  phone.send(in_frame ? websocket_frame(1, request) : request);
  core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(rig.hear(core, "Call-ID: c" + std::to_string(number)), 200));
  rig.hear(phone, "200 Whatever");
}

}  // namespace

TEST("connections over which something passed go on where the process that died had come to, again and again") {
  for (const Memory memory : {Memory::kept, Memory::shown}) {
    Death death(memory);
    const Peer plain = Peer::tcp(death.old.port(ShardRig::kClientTcp));
    const Peer web = Peer::tcp(death.old.port(ShardRig::kClientWs));
    web.send(websocket_upgrade());
    death.old.hear(web, "101");
    SecurePhone secure(death.old), silent(death.old);
    int number = 0;
    const auto all_ask = [&](ShardRig& rig) {
      secure.asks(rig, death.core, ++number);
      asks(rig, death.core, plain, ++number, false);
      asks(rig, death.core, web, ++number, true);
    };
    for (int round = 0; round < 3; ++round) {
      all_ask(death.old);
      death.take_over();
      all_ask(death.now());
      all_ask(death.now());
      death.die();
      CHECK_EQ(death.counts.lost, 0u);
      CHECK_EQ(death.old.count(Counter::stream_flows), 4);
    }
    all_ask(death.old);
    silent.asks(death.old, death.core, ++number);
    CHECK_EQ(death.holdings.connections(), memory == Memory::kept ? 4u : 0u);
  }
}

TEST("what the process before had half received is forgotten if the one that died had the rest, and waits on if not") {
  for (const Memory memory : {Memory::kept, Memory::shown}) {
    Death death(memory);
    const Peer first = Peer::tcp(death.old.port(ShardRig::kClientTcp));
    const Peer second = Peer::tcp(death.old.port(ShardRig::kClientTcp));
    const std::string one = Request{.method = "OPTIONS", .number = 1, .transport = "TCP"}.text();
    const std::string two = Request{.method = "OPTIONS", .number = 2, .transport = "TCP"}.text();
    first.send(one.substr(0, 50));
    second.send(two.substr(0, 50));
    death.old.turn();
    death.take_over();
    first.send(one.substr(50));
    death.now().hear(death.core, "Call-ID: c1");
    death.die();
    CHECK_EQ(death.counts.lost, 0u);
    first.send(Request{.method = "OPTIONS", .number = 3, .transport = "TCP"}.text());
    death.old.hear(death.core, "Call-ID: c3");
    second.send(two.substr(50));
    death.old.hear(death.core, "Call-ID: c2");
  }
}

TEST("a connection of which something was in the memory of the process that died ends without a word, and no other") {
  for (const Memory memory : {Memory::kept, Memory::shown}) {
    Death death(memory);
    SecurePhone half(death.old), sealing(death.old), good(death.old);
    const Peer plain = Peer::tcp(death.old.port(ShardRig::kClientTcp));
    death.old.turn();
    death.take_over();
    half.peer.send(half.seal("\r\n\r\n").substr(0, 3));
    plain.send("OPTIONS sip:half");
    death.now().turn();
    good.asks(death.now(), death.core, 1);
    // It dies when a record has its number and has not been sent: that connection goes on with the same number. What the dead process does afterwards,
    // in the rest of the turn in which this is played, is of no interest.
    bool is_dead = false;
    NumberedTls::while_sealing = [&] {
      death.die();
      is_dead = true;
      CHECK_EQ(death.counts.lost, 2u);
      CHECK_EQ(death.old.count(Counter::stream_flows), 2);
      sealing.asks(death.old, death.core, 3);
    };
    sealing.peer.send(sealing.seal("\r\n\r\n"));
    CHECK(death.now().until([&] { return is_dead; }));
    CHECK_EQ(death.old.hear(half.peer, "<EOF>"), "<EOF>");
    CHECK_EQ(death.old.hear(plain, "<EOF>"), "<EOF>");
    good.asks(death.old, death.core, 2);
  }
}

TEST("connections that the process that died had ended, or accepted, are gone, or go on with a keeper") {
  Death death(Memory::kept);
  Peer gone = Peer::tcp(death.old.port(ShardRig::kClientTcp));
  death.old.turn();
  const FlowHandle old_flow = death.old.flow(FlowKind::stream);
  death.take_over();
  gone.close();
  CHECK(death.now().until([&] { return death.now().at(old_flow) == nullptr; }));
  SecurePhone fresh(death.now());
  const FlowHandle flow = death.now().flow(FlowKind::stream);
  CHECK_EQ(flow.slot, old_flow.slot);
  const std::string route = death.now().route_to(flow, ShardRig::kCoreUdp);
  fresh.asks(death.now(), death.core, 1);
  death.die();
  CHECK_EQ(death.counts.kept, 1u);
  CHECK_EQ(death.counts.lost, 0u);
  CHECK(death.old.at(old_flow) == nullptr);
  CHECK_EQ(death.old.count(Counter::stream_flows), 1);
  CHECK_EQ(death.holdings.connections(), 1u);
  fresh.asks(death.old, death.core, 2);
  death.core.send_to(death.old.port(ShardRig::kCoreUdp), Request{.method = "OPTIONS", .number = 3, .lines = route}.text());
  death.old.hear(fresh.peer, "Call-ID: c3");
  // A generation that the other one has used is not used again.
  const Peer next = Peer::tcp(death.old.port(ShardRig::kClientTcp));
  death.old.turn();
  CHECK(death.old.at({flow.slot + 1, flow.generation + 1}) != nullptr);
}

TEST("who registered meanwhile is known, over TCP and UDP") {
  for (const Memory memory : {Memory::kept, Memory::shown}) {
    Death death(memory);
    const Peer plain = Peer::tcp(death.old.port(ShardRig::kClientTcp));
    death.old.turn();
    death.take_over();
    const std::string contact = "Contact: <sip:alice@10.0.0.1;transport=tcp;ob>";
    plain.send(Request{.method = "REGISTER", .transport = "TCP", .lines = contact + ";reg-id=1;+sip.instance=\"<urn:x>\"\r\nSupported: outbound, path\r\n"}.text());
    death.core.send_to(death.old.port(ShardRig::kCoreUdp), answer_to(death.now().hear(death.core, "REGISTER"), 200, contact + ";expires=600\r\n"));
    death.now().hear(plain, "200 Whatever");
    death.now().clients_hear_us();
    death.now().grant_flow_timer(60);
    const Peer loose = register_alice(death.now(), death.core, Transport::udp);
    CHECK_EQ(death.now().count(Counter::udp_flows), 1);
    death.now().turn();
    death.die();
    CHECK_EQ(death.counts.lost, 0u);
    CHECK_EQ(death.old.count(Counter::udp_flows), 1);
    std::vector<FlowFacts> found;
    uint32_t cursor = 0;
    FlowFilter filter;
    filter.text = "bob@example.com";
    death.old->inspect().flows(cursor, UINT32_MAX, SIZE_MAX, filter, found);
    CHECK_EQ(found.size(), 2u);
  }
}

TEST("a connection to the core goes on, with what passed over it meanwhile") {
  for (const Memory memory : {Memory::kept, Memory::shown, Memory::unknown}) {
    Death death(memory);
    const Peer listener = Peer::listening();
    const Peer phone = Peer::tcp(death.old.port(ShardRig::kClientTcp));
    death.old.upstreams({{Transport::tcp, listener.port()}});
    phone.send(Request{.method = "OPTIONS", .number = 1, .transport = "TCP"}.text());
    const Peer core = death.old.accept(listener);
    core.send(answer_to(death.old.hear(core, "Call-ID: c1"), 200));
    death.old.hear(phone, "200 Whatever");
    death.take_over();
    if (memory != Memory::unknown) {
      death.now().upstreams({{Transport::tcp, listener.port()}});
      phone.send(Request{.method = "OPTIONS", .number = 2, .transport = "TCP"}.text());
      core.send(answer_to(death.now().hear(core, "Call-ID: c2"), 200));
      death.now().hear(phone, "200 Whatever");
    }
    death.die();
    CHECK_EQ(death.counts.lost, 0u);
    phone.send(Request{.method = "OPTIONS", .number = 3, .transport = "TCP"}.text());
    core.send(answer_to(death.old.hear(core, "Call-ID: c3"), 200));
    death.old.hear(phone, "200 Whatever");
  }
}

TEST("without the memory of the process that died, those over which something passed end, and the others go on") {
  Death death(Memory::unknown);
  SecurePhone spoke(death.old), silent(death.old);
  const Peer plain = Peer::tcp(death.old.port(ShardRig::kClientTcp));
  plain.send("OPTIONS sip:half");
  death.old.turn();
  death.take_over();
  spoke.asks(death.now(), death.core, 1);
  plain.send(" and more");
  death.now().turn();
  death.die();
  CHECK_EQ(death.counts.lost, 2u);
  silent.asks(death.old, death.core, 2);
  CHECK_EQ(death.old.hear(spoke.peer, "<EOF>"), "<EOF>");
}

TEST("memory of another version, of another shard or damaged counts as none") {
  for (const int fault : {0, 1, 2}) {
    Death death(Memory::shown);
    SecurePhone spoke(death.old), silent(death.old);
    death.take_over();
    spoke.asks(death.now(), death.core, 1);
    KeptHead& head = death.now()->kept().memory().head();
    if (fault == 0) ++head.layout;
    if (fault == 1) ++head.boot;
    if (fault == 2) head.slots = UINT32_MAX;
    death.die();
    CHECK_EQ(death.counts.lost, 1u);
    silent.asks(death.old, death.core, 2);
  }
}

}  // namespace sluice::taking_back_test
