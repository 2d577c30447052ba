// Which remembered UDP flow makes room for a new one.
#include "core/flow/udp_ages.h"

#include "check.h"

namespace sluice::udp_ages_test {
namespace {

struct Rig {
  SipKey key;
  FlowTable flows{key, 1};
  UdpAges ages;
  uint16_t port = 1000;

  uint32_t open(const char* ip, uint32_t last_seen, uint8_t flags = 0) {
    Address remote;
    CHECK(parse_ip(ip, remote));
    remote.port = ++port;
    const uint32_t slot = flows.open(FlowKind::udp, remote, 0);
    Flow& flow = flows.at(slot);
    flow.last_seen = last_seen;
    flow.flags = flags;
    ages.add(slot, flow.generation);
    return slot;
  }
};

}  // namespace

TEST("the unregistered flow that has been silent for longest makes room, however old the registered ones are") {
  Rig rig;
  rig.open("192.0.2.1", 10, kFlow_outbound);
  rig.open("192.0.2.2", 30);
  const uint32_t silent = rig.open("192.0.2.3", 20);
  CHECK_EQ(rig.ages.choose(rig.flows, nullptr, false, 100), silent);
  CHECK_EQ(rig.ages.choose(rig.flows, nullptr, true, 100), silent);
}

TEST("a dead flow counts like one that never registered") {
  Rig rig;
  rig.open("192.0.2.1", 30);
  const uint32_t dead = rig.open("192.0.2.2", 10, kFlow_outbound | kFlow_dead);
  CHECK_EQ(rig.ages.choose(rig.flows, nullptr, false, 100), dead);
}

TEST("a newcomer that does not register displaces no registered flow; a registration displaces the oldest") {
  Rig rig;
  const uint32_t oldest = rig.open("192.0.2.1", 10, kFlow_outbound);
  rig.open("192.0.2.2", 20, kFlow_outbound);
  CHECK_EQ(rig.ages.choose(rig.flows, nullptr, false, 100), 0u);
  CHECK_EQ(rig.ages.choose(rig.flows, nullptr, true, 100), oldest);
}

TEST("a flow waiting for a response stays, and when a source makes room for itself, so do the flows of other sources") {
  Rig rig;
  rig.flows.at(rig.open("192.0.2.1", 10)).pending = 1;
  rig.open("192.0.2.2", 20);
  const uint32_t own = rig.open("192.0.2.1", 30);
  Address source;
  parse_ip("192.0.2.1", source);
  const SourceKey key(source);
  CHECK_EQ(rig.ages.choose(rig.flows, &key, false, 100), own);
  rig.flows.release(own);
  CHECK_EQ(rig.ages.choose(rig.flows, &key, false, 100), 0u);
}

TEST("even among very many flows, each is examined in turn") {
  Rig rig;
  for (int i = 0; i < 1000; ++i) rig.open("192.0.2.1", 50, kFlow_outbound);
  const uint32_t passing = rig.open("192.0.2.2", 60);
  uint32_t chosen = 0;
  int turns = 0;
  for (; chosen == 0 && turns < 20; ++turns) chosen = rig.ages.choose(rig.flows, nullptr, false, 100);
  CHECK_EQ(chosen, passing);
}

}  // namespace sluice::udp_ages_test
