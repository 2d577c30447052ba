// A REGISTER that comes again is answered again, and changes nothing (RFC 3261 17.2).
#include "registrar_rig.h"

namespace sluice::register_retransmission_test {
using namespace registering_test;

TEST("TX-8 a retransmission is answered again with the same To tag and changes nothing; a late REGISTER is refused") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp));
  Asked asked;
  asked.number = 5;
  const std::string first = rig.ask(edge, asked);
  const uint64_t lsn = rig.store->table().next_lsn();
  CHECK_EQ(value_of(rig.ask(edge, asked), "TO "), value_of(first, "TO "));
  CHECK_EQ(rig.store->table().next_lsn(), lsn);
  CHECK(rig.states.back() == RegisterState::answered);
  asked.number = 6;
  asked.cseq = 5;
  CHECK(holds(rig.ask(edge, asked), "SIP/2.0 500 CSeq Out Of Order\r\n"));
  // Once forgotten, it is a request like any other.
  rig.pass(40'000);
  asked.number = 5;
  CHECK(holds(rig.ask(edge, asked), "SIP/2.0 500 CSeq Out Of Order\r\n"));
}

TEST("TX-8 a client's first REGISTER, which makes its address a flow, and its retransmission get the same response") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  const Asked asked;
  const std::string first = rig.ask(client, asked);
  CHECK(holds(first, "SIP/2.0 200 OK\r\n"));
  CHECK(rig.at(rig.flow(FlowKind::udp))->flags & kFlow_registered);
  const std::string again = rig.ask(client, asked);
  CHECK(holds(again, "SIP/2.0 200 OK\r\n"));
  CHECK_EQ(value_of(again, "TO "), value_of(first, "TO "));
  CHECK(rig.states.back() == RegisterState::answered);
  CHECK_EQ(rig.bindings().size(), 1u);
}

TEST("TX-8 what differs from an answered REGISTER only in its To is another request, and shows nobody's bindings without being decided on") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  const Asked asked;
  CHECK(holds(rig.ask(client, asked), "200 OK"));
  std::string other = asked.text();
  const std::string to = "TO : <sip:bob@example.com>";
  other.replace(other.find(to), to.size(), "TO : <sip:ann@example.com>");
  const size_t decided = rig.states.size();
  client.send(other);
  CHECK(holds(rig.hear(client, "\r\n\r\n"), "TO : <sip:ann@example.com>"));
  CHECK(rig.states.size() > decided && rig.states.back() == RegisterState::open);
}

TEST("TX-8 a retransmission in the batch of its request gets the same response") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp));
  const Asked asked;
  edge.send(asked.text());
  edge.send(asked.text());
  CHECK_EQ(rig->collect(), 2u);
  rig.decide(2);
  rig->execute();
  const std::string both = edge.drain();
  CHECK_EQ(count_of(both, "SIP/2.0 200 OK\r\n"), 2u);
  CHECK_EQ(both.substr(0, both.size() / 2), both.substr(both.size() / 2));
  CHECK_EQ(rig.bindings().size(), 1u);
}

TEST("TX-8 a retransmission of a request on the object path goes there") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp));
  Asked asked;
  const auto readable = rig.policy;
  rig.policy = [](unsigned, const int32_t*, int32_t* verdict) {
    verdict[kVerdict_action] = static_cast<int32_t>(Action::object);
    return true;
  };
  edge.send(asked.text());
  CHECK(rig.until([&] { return rig.count(Counter::registers_by_objects) == 1; }));
  rig.policy = readable;
  edge.send(asked.text());
  CHECK(rig.until([&] { return rig.count(Counter::registers_by_objects) == 2; }));
  CHECK(rig.states.back() == RegisterState::held);
  CHECK(rig.bindings().empty());
}

TEST("TX-8 a refused REGISTER that comes again is refused again, whatever the store or its sender says by then, until it is forgotten") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp));
  Asked asked;
  asked.number = 5;
  rig.ask(edge, asked);
  asked.number = 6;
  asked.cseq = 4;
  const std::string late = rig.ask(edge, asked);
  CHECK(holds(late, "SIP/2.0 500 CSeq Out Of Order\r\n"));
  const uint64_t lsn = rig.store->table().next_lsn();
  asked.contact = "<sip:bob@192.0.2.9>";
  CHECK_EQ(rig.ask(edge, asked), late);
  CHECK(rig.states.back() == RegisterState::refused);
  asked.contact = "<sip:bob@192.0.2.9>, <";
  CHECK_EQ(rig.ask(edge, asked), late);
  asked.number = 7;
  asked.cseq = 0;
  asked.contact = "<sip:bob@192.0.2.8>";
  rig.ask(edge, asked);
  asked.number = 8;
  asked.contact = "<sip:bob@192.0.2.9>";
  CHECK(holds(rig.ask(edge, asked), "SIP/2.0 403 Too Many Contacts\r\n"));
  rig.configure(3);
  CHECK(holds(rig.ask(edge, asked), "SIP/2.0 403 Too Many Contacts\r\n"));
  CHECK_EQ(rig.store->table().next_lsn(), lsn + 1);
  rig.pass(40'000);
  CHECK(holds(rig.ask(edge, asked), "SIP/2.0 200 OK\r\n"));
}

}  // namespace sluice::register_retransmission_test
