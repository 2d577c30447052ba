// Requests that are proxied by numbers while a successor takes over: a call being set up, one being refused, answers that come again.
#include "handover_rig.h"
#include "proxy_rig.h"

namespace sluice::proxying_test {
using namespace test;

namespace {

// A registrar's shard and the one that takes over from it.
class TwoRigs {
 public:
  ProxyRig& now() { return *rig_; }
  void upgrade() {
    auto next = std::make_unique<ProxyRig>(*rig_);
    Moving moving(**rig_);
    CHECK_EQ(moving.into(**next), "");
    CHECK_EQ((*next)->open(), 0);
    (*rig_)->release();
    rig_->turn();
    CHECK_EQ((*rig_)->proxying().open_count(), 0u);
    before_ = std::move(rig_);
    rig_ = std::move(next);
  }
  ProxyRig& before() { return *before_; }
  Peer core() { return Peer::udp(now().port(ShardRig::kCoreUdp)); }
  Peer client() { return Peer::udp(now().port(ShardRig::kClientUdp)); }

 private:
  const TemporaryFolder folder_;
  std::unique_ptr<ProxyRig> rig_ = std::make_unique<ProxyRig>(folder_.path()), before_;
};

// With an edge that has the flow of the user who is called.
struct CalledThroughEdge : TwoRigs {
  CalledThroughEdge() { now().add(1, edge.port()); }
  const Peer edge = core(), caller = client();
};

std::string tag_of(const std::string& answer) {
  const std::string to = value_of(answer, "To");
  return to.substr(to.find("tag=") + 4);
}

}  // namespace

TEST("a call that rings goes on in the successor: 180, 200 and a second 200 reach the caller, and it forgets the call in time") {
  CalledThroughEdge rigs;
  const Peer &edge = rigs.edge, &caller = rigs.caller;
  caller.send(invite().text());
  const std::string copy = first_of(rigs.now().hear(edge, "INVITE"));
  CHECK(holds(rigs.now().hear(caller, "\r\n\r\n"), "SIP/2.0 100 Trying"));
  rigs.upgrade();
  // The INVITE comes again: it is known.
  caller.send(invite().text());
  CHECK(holds(rigs.now().hear(caller, "\r\n\r\n"), "SIP/2.0 100 Trying"));
  edge.send(answer_to(copy, 180));
  CHECK(holds(rigs.now().hear(caller, "180 "), "SIP/2.0 180 "));
  edge.send(answer_to(copy, 200));
  CHECK(holds(rigs.now().hear(caller, "200 "), "SIP/2.0 200 "));
  rigs.upgrade();
  edge.send(answer_to(copy, 200));
  CHECK(holds(rigs.now().hear(caller, "200 "), "SIP/2.0 200 "));
  CHECK_EQ(rigs.now().heard(edge), "");
  rigs.now().pass(40'000);
  CHECK_EQ(rigs.now().count(Counter::requests_held), 0);
  CHECK_EQ(rigs.now().count(Counter::buffer_bytes), 0);
  CHECK_EQ(rigs.before().count(Counter::buffer_bytes), 0);
}

TEST("the caller's CANCEL reaches the successor, which cancels the copy of before, and answers the INVITE 487") {
  CalledThroughEdge rigs;
  const Peer &edge = rigs.edge, &caller = rigs.caller;
  caller.send(invite().text());
  const std::string copy = first_of(rigs.now().hear(edge, "INVITE"));
  edge.send(answer_to(copy, 180));
  rigs.now().hear(caller, "180 ");
  rigs.upgrade();
  caller.send(follow(invite(), "CANCEL"));
  const std::string cancel = first_of(rigs.now().hear(edge, "CANCEL"));
  CHECK_EQ(value_of(cancel, "Via"), value_of(copy, "Via"));
  CHECK(holds(cancel, "Reason: SIP;cause=200"));
  edge.send(answer_to(cancel, 200));
  edge.send(answer_to(copy, 487));
  CHECK(holds(rigs.now().hear(caller, "487 "), "SIP/2.0 487 "));
  CHECK(holds(rigs.now().hear(edge, "ACK "), "ACK sip:bob@192.0.2.1"));
}

TEST("a silent way gives way to the next one after an upgrade, too; its timer goes on where it was") {
  TwoRigs rigs;
  const Peer silent = rigs.core(), other = rigs.core(), caller = rigs.client();
  rigs.now().add(1, other.port());
  rigs.now().add(2, silent.port());
  caller.send(invite().text());
  rigs.now().hear(silent, "INVITE");
  rigs.now().pass(kSilenceMs / 2);
  rigs.upgrade();
  rigs.now().pass(kSilenceMs / 2 + 100);
  const std::string copy = first_of(rigs.now().hear(other, "INVITE"));
  other.send(answer_to(copy, 200));
  CHECK(holds(rigs.now().hear(caller, "200 "), "SIP/2.0 200 "));
}

TEST("what an image calls the ways of a request is what other versions call them: SipHash-2-4 of their texts") {
  const SipKey key{1, 2};
  const auto named = [&](const std::string& text) { return siphash(key, text.data(), text.size()); };
  KeptBinding phone = flow_binding(kInstance, 1, 1'000), plain = plain_binding("192.0.2.1", 1'000);
  phone[Part::path] = "27:<sip:token@192.0.2.9;lr;ob>";
  Ways ways;
  ways.begin(key, {kAor, Text(), Text()});
  ways.take(phone.view());
  ways.take(plain.view());
  ways.end();
  CHECK_EQ(ways.count(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const std::string& binding = (i == 0 ? phone : plain)[Part::key];
    CHECK_EQ(ways.at(i).key, named(binding));
    CHECK_EQ(ways.at(i).identity, named(kAor + (" " + binding) + " 1"));
  }
  CHECK_EQ(ways.at(0).device, named("instance " + std::string(kInstance)));
  CHECK_EQ(ways.at(1).device, named("contact " + plain[Part::uri] + " "));
}

TEST("a refusal is repeated by the successor until the ACK comes, with the same To tag; then it is quiet") {
  CalledThroughEdge rigs;
  const Peer &edge = rigs.edge, &caller = rigs.caller;
  caller.send(invite().text());
  const std::string copy = first_of(rigs.now().hear(edge, "INVITE"));
  edge.send(answer_to(copy, 430));
  std::string refusal = rigs.now().hear(caller, "480 ");
  refusal.erase(0, refusal.find("SIP/2.0 480"));
  rigs.now().heard(edge);
  rigs.upgrade();
  rigs.now().pass(600);
  CHECK(holds(rigs.now().hear(caller, "480 "), value_of(refusal, "To")));
  caller.send(follow(invite(), "ACK", tag_of(refusal)));
  rigs.now().turn();
  rigs.now().pass(5'000);
  CHECK_EQ(caller.drain(), "");
  // The refusal from below comes again: its ACK is still known.
  edge.send(answer_to(copy, 430));
  CHECK(holds(rigs.now().hear(edge, "ACK "), "ACK sip:bob@192.0.2.1"));
}

TEST("TX-8 a request whose answer was lost comes again after the upgrade: it gets the same answer and goes no further") {
  CalledThroughEdge rigs;
  const Peer &edge = rigs.edge, &caller = rigs.caller;
  caller.send(Request().text());
  const std::string copy = first_of(rigs.now().hear(edge, "MESSAGE"));
  edge.send(answer_to(copy, 202));
  const std::string answer = rigs.now().hear(caller, "\r\n\r\n");
  rigs.upgrade();
  caller.send(Request().text());
  CHECK_EQ(rigs.now().hear(caller, "\r\n\r\n"), answer);
  CHECK_EQ(rigs.now().heard(edge), "");
  // Long after it was answered nobody asks again, and nothing is handed over.
  rigs.now().pass(6'000);
  rigs.upgrade();
  CHECK_EQ(rigs.now().count(Counter::answers_held), 0);
}

TEST("a request that waits for its answer over UDP is sent again by the successor, and the answer finds its way back") {
  CalledThroughEdge rigs;
  const Peer &edge = rigs.edge, &caller = rigs.caller;
  caller.send(Request().text());
  const std::string copy = first_of(rigs.now().hear(edge, "MESSAGE"));
  rigs.upgrade();
  rigs.now().pass(600);
  CHECK_EQ(first_of(rigs.now().hear(edge, "MESSAGE")), copy);
  edge.send(answer_to(copy, 202));
  CHECK(holds(rigs.now().hear(caller, "202 "), "SIP/2.0 202 "));
  // New branches do not repeat those of before.
  Request next;
  next.number = 2;
  caller.send(next.text());
  CHECK(value_of(first_of(rigs.now().hear(edge, "MESSAGE")), "Via") != value_of(copy, "Via"));
}

}  // namespace sluice::proxying_test
