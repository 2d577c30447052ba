// Requests that objects have read and admitted, and numbers carry out: to one device that a GRUU names, to an upstream, and with a store that nodes share.
#include "core/home/gruu.h"
#include "handover_rig.h"
#include "proxy_rig.h"

namespace sluice::proxying_test {
using namespace test;

namespace {

constexpr const char* kOther = "urn:uuid:00000000-0000-1000-8000-00000000000b";

// As the object path hands it over.
bool take(ProxyRig& rig, const Peer& caller, const std::string& octets, const Callee& callee) {
  const std::string flow = rig.udp_id(caller);
  DecidedRequest given;
  given.octets = octets;
  given.flow = given.answer_flow = flow;
  given.payer = address("127.0.0.1", caller.port());
  given.callee = callee;
  const bool is_taken = (*rig).proxying().take_decided(given);
  (*rig).settle();
  return is_taken;
}

// The copy of that call, behind what belongs to others.
std::string copy_of(ProxyRig& rig, const Peer& peer, int number) {
  const std::string all = rig.hear(peer, "Call-ID: c" + std::to_string(number) + "\r\nCSeq: 1 INVITE");
  return first_of(all.substr(all.find("INVITE sip:")));
}

std::string life_of(ProxyRig& rig, const std::string& instance) {
  for (const KeptBinding& one : lookup(rig.store->table(), kAor, 0)) {
    char life[kGruuLife];
    if (one[Part::instance] == instance && write_gruu_life(one.view(), life)) return std::string(life, sizeof life);
  }
  return "";
}

}  // namespace

TEST("GRUU-5.4-1 GRUU-5.3-1 a GRUU that objects have read rings its one device, also when it has to be looked up again, and a temporary one as long as its binding lasts") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  const Peer first = Peer::udp(rig.port(ShardRig::kCoreUdp)), second = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.add(1, first.port());
  rig.add(1, second.port(), kOther);
  Request request = invite();
  request.uri = std::string(kAor) + ";gr=" + kOther;
  CHECK(take(rig, caller, request.text(), {kAor, kOther, Text()}));
  const std::string copy = copy_of(rig, second, 1);
  // A binding of the other device is no further way.
  second.send(answer_to(copy, 430));
  CHECK(holds(rig.hear(caller, "SIP/2.0 480 "), "CSeq: 1 INVITE"));
  CHECK_EQ(rig.heard(first), "");
  rig.add(1, second.port(), kOther);
  const std::string life = life_of(rig, kOther);
  request.number = 2;
  CHECK(take(rig, caller, request.text(), {kAor, kOther, life}));
  second.send(answer_to(copy_of(rig, second, 2), 486));
  rig.hear(caller, "SIP/2.0 486 ");
  request.number = 3;
  CHECK(!take(rig, caller, request.text(), {kAor, kOther, "otherone"}));
  CHECK(!take(rig, caller, request.text(), {kAor, "urn:x:y", Text()}));
  CHECK_EQ(rig.heard(first), "");
  CHECK_EQ(rig.count(Counter::requests_decided), 2);
  CHECK_EQ(rig.count(Counter::requests_by_numbers), 0);
}

TEST("GRUU-5.4-1 an upgrade takes along which device a GRUU names") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  const Peer first = Peer::udp(rig.port(ShardRig::kCoreUdp)), second = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.add(1, first.port());
  rig.add(1, second.port(), kOther);
  CHECK(take(rig, caller, invite().text(), {kAor, kOther, Text()}));
  const std::string copy = copy_of(rig, second, 1);
  ProxyRig next(rig);
  Moving moving(*rig, kImageVersion);
  CHECK_EQ(moving.into(*next), "");
  CHECK_EQ((*next).open(), 0);
  rig->release();
  // Registered in the meantime.
  next.updated = rig.updated;
  next.add(2, second.port(), kOther);
  next.add(2, first.port());
  second.send(answer_to(copy, 430));
  CHECK(holds(copy_of(next, second, 1), "\r\nRoute: <sip:t2@"));
  CHECK_EQ(next.heard(first), "");
}

TEST("DNS-5 a request for nobody of ours goes to the upstreams in turn: past silence and 503, not past another refusal, and none that answers is 503") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  const Peer first = Peer::udp(rig.port(ShardRig::kCoreUdp)), second = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  Request request = invite();
  request.uri = "sip:+4930@example.net";
  CHECK(!take(rig, caller, request.text(), Callee()));
  rig.upstreams({{Transport::udp, first.port()}, {Transport::udp, second.port()}});
  CHECK(take(rig, caller, request.text(), Callee()));
  std::string copy = copy_of(rig, first, 1);
  CHECK(holds(copy, "INVITE sip:+4930@example.net SIP/2.0\r\n"));
  CHECK_EQ(value_of(copy, "Route"), "");
  first.send(answer_to(copy, 503));
  copy = copy_of(rig, second, 1);
  second.send(answer_to(copy, 404));
  CHECK(holds(rig.hear(caller, "SIP/2.0 404 "), "CSeq: 1 INVITE"));
  caller.send(follow(request, "ACK", "x"));
  request.number = 2;
  CHECK(take(rig, caller, request.text(), Callee()));
  first.send(answer_to(copy_of(rig, first, 2), 486));
  rig.hear(caller, "SIP/2.0 486 ");
  CHECK_EQ(rig.heard(second).find("c2"), std::string::npos);
  // The first says nothing, and no other one is left after the second.
  request.number = 3;
  CHECK(take(rig, caller, request.text(), Callee()));
  copy_of(rig, first, 3);
  rig.pass(kSilenceMs + 100);
  second.send(answer_to(copy_of(rig, second, 3), 503));
  rig.hear(caller, "SIP/2.0 500 ");
  CHECK_EQ(rig.count(Counter::requests_decided), 3);
}

TEST("SA-5 what objects have decided asks the shared store once, and comes again as admitted if numbers are not enough") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  (*rig).proxying().open_shared("this-node", rig.silences, rig.rows);
  SharedLookups& lookups = *(*rig).proxying().shared();
  const Peer caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  CHECK(take(rig, caller, invite().text(), {kAor, Text(), Text()}));
  CHECK(lookups.has_new());
  const SharedLookups::Batch batch = lookups.take();
  CHECK_EQ(std::string(batch.aors), std::string(kAor) + "\n");
  CHECK_EQ(rig.count(Counter::requests_decided), 1);
  (*rig).proxying().answer_shared(batch.number, "s0;");
  CHECK(rig.until([&] { return !rig.states.empty(); }));
  CHECK(rig.states.at(0) == RequestState::admitted);
  // Whoever handed it over has counted it.
  CHECK_EQ(rig.count(Counter::requests_by_objects), 0);
  CHECK_EQ(rig.count(Counter::requests_by_numbers), 0);
  CHECK_EQ(rig.count(Counter::requests_held), 0);
}

}  // namespace sluice::proxying_test
