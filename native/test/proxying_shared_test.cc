// Requests proxied by numbers whose callee's bindings are in a store that several nodes share: this test answers in its place.
#include "core/home/shared_row.h"

#include "handover_rig.h"
#include "proxy_rig.h"

namespace sluice::proxying_test {
using namespace test;

namespace {

constexpr const char* kNode = "this-node";

std::string row_of(const KeptBinding& binding) {
  std::string octets(most_of_row(binding.view()), '\0');
  Writer out(octets.data(), octets.size());
  put_row(binding.view(), out);
  octets.resize(out.size());
  return octets;
}

std::string found(const std::vector<KeptBinding>& bindings) {
  std::string all = "s" + std::to_string(bindings.size()) + ";";
  for (const KeptBinding& one : bindings) {
    const std::string row = row_of(one);
    all += std::to_string(row.size()) + ":" + row;
  }
  return all;
}

// A flow of bob's phone, behind the edge at this port.
KeptBinding behind(uint32_t reg_id, uint16_t edge, const std::string& instance = kInstance) {
  KeptBinding one = flow_binding(instance, reg_id, now_ns() / 1'000'000 + 3'600'000);
  one.updated = 1'000 + reg_id;
  const std::string route = "<sip:t" + std::to_string(reg_id) + "@127.0.0.1:" + std::to_string(edge) + ";lr;ob>";
  one[Part::path] = std::to_string(route.size()) + ":" + route;
  return one;
}

class SharedRig : public ProxyRig {
 public:
  explicit SharedRig(const std::string& folder) : ProxyRig(folder) { open_shared(); }
  explicit SharedRig(SharedRig& before) : ProxyRig(before) { open_shared(); }

  // What the shard asks next.
  struct Question {
    uint32_t number = 0;
    std::string aors, removals;
  };
  Question question() {
    SharedLookups& lookups = *(*this)->proxying().shared();
    CHECK(until([&] { return lookups.has_new(); }));
    const SharedLookups::Batch batch = lookups.take();
    return {batch.number, std::string(batch.aors), std::string(batch.removals)};
  }
  bool asks() {
    turn();
    return (*this)->proxying().shared()->has_new();
  }
  void answer(const Question& question, const std::string& outcomes) {
    (*this)->proxying().answer_shared(question.number, outcomes);
    (*this)->settle();
  }

 private:
  void open_shared() { (*this)->proxying().open_shared(kNode, silences, rows); }
};

}  // namespace

TEST("SA-5 TX-8 a request that waits for the shared store has its 100, absorbs its retransmissions, and goes on with the answer") {
  const TemporaryFolder folder;
  SharedRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  caller.send(invite().text());
  const SharedRig::Question asked = rig.question();
  CHECK_EQ(asked.aors, std::string(kAor) + "\n");
  CHECK_EQ(asked.removals, "");
  CHECK(holds(rig.hear(caller, "\r\n\r\n"), "SIP/2.0 100 Trying"));
  caller.send(invite().text());
  CHECK(holds(rig.hear(caller, "\r\n\r\n"), "SIP/2.0 100 Trying"));
  CHECK(!rig.asks());
  KeptBinding expired = behind(2, edge.port());
  expired.expires = 1;
  rig.answer(asked, found({behind(1, edge.port()), expired}));
  const std::string copy = rig.hear(edge, "INVITE");
  CHECK(holds(copy, "\r\nRoute: <sip:t1@"));
  edge.send(answer_to(copy, 200));
  rig.hear(caller, "SIP/2.0 200 ");
  CHECK_EQ(rig.count(Counter::requests_by_numbers), 1);
  CHECK_EQ(rig.count(Counter::requests_held), 0);
  // An answer that nobody waits for any more.
  rig.answer(asked, found({behind(1, edge.port())}));
  CHECK_EQ(rig.heard(edge), "");
}

TEST("SA-5 PX-16.10-1 a CANCEL that comes while the shared store is asked ends the INVITE, and nothing rings") {
  const TemporaryFolder folder;
  SharedRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  caller.send(invite().text());
  const SharedRig::Question asked = rig.question();
  caller.send(follow(invite(), "CANCEL"));
  CHECK(holds(rig.hear(caller, "SIP/2.0 200 "), "CSeq: 1 CANCEL"));
  rig.answer(asked, found({behind(1, edge.port())}));
  rig.hear(caller, "SIP/2.0 487 ");
  CHECK_EQ(rig.heard(edge), "");
}

TEST("SA-5 a request for a Contact with a name, for none, or for a dead flow comes again for the object path, as it was received and admitted") {
  const TemporaryFolder folder;
  SharedRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  KeptBinding dead = behind(1, edge.port());
  dead[Part::flow] = "s/0/99/1";
  dead[Part::node] = kNode;
  KeptBinding here = dead;
  here[Part::node] = "other-node";
  here[Part::path] = "28:<sip:t@127.0.0.1:" + std::to_string(rig.port(ShardRig::kCoreUdp)) + ";lr>";
  here[Part::path].replace(0, 2, std::to_string(here[Part::path].size() - 3));
  int number = 0;
  for (const auto& bindings : std::vector<std::vector<KeptBinding>>{
           {}, {behind(1, edge.port()), plain_binding("phone.example.net", now_ns() / 1'000'000 + 3'600'000)}, {dead}, {here}}) {
    rig.states.clear();
    caller.send(invite(++number).text());
    rig.answer(rig.question(), found(bindings));
    CHECK(rig.until([&] { return rig.states.size() == 2; }));
    CHECK(rig.states.at(0) == RequestState::open && rig.states.at(1) == RequestState::admitted);
    CHECK_EQ(rig.count(Counter::requests_held), 0);
    // What comes now belongs to the object path.
    caller.send(invite(number).text());
    CHECK(rig.until([&] { return rig.states.size() == 3; }));
    CHECK(rig.states.at(2) == RequestState::held);
  }
  CHECK(!rig.asks());
  CHECK_EQ(rig.count(Counter::requests_by_objects), 2 * number);
  CHECK_EQ(rig.count(Counter::requests_by_numbers), 0);
}

TEST("OB-7-20 OB-7-21 430 asks the shared store to drop the binding, and then for what the device has registered in the meantime") {
  const TemporaryFolder folder;
  SharedRig rig(folder.path());
  const Peer first = Peer::udp(rig.port(ShardRig::kCoreUdp)), second = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  caller.send(invite().text());
  rig.answer(rig.question(), found({behind(1, first.port())}));
  std::string copy = rig.hear(first, "INVITE");
  first.send(answer_to(copy, 430));
  SharedRig::Question asked = rig.question();
  CHECK_EQ(asked.removals, std::string(kAor) + "\nf1 " + kInstance + "\n1001\n");
  CHECK_EQ(asked.aors, std::string(kAor) + "\n");
  rig.answer(asked, found({behind(2, second.port())}));
  copy = rig.hear(second, "INVITE");
  second.send(answer_to(copy, 430));
  asked = rig.question();
  CHECK_EQ(asked.removals, std::string(kAor) + "\nf2 " + kInstance + "\n1002\n");
  rig.answer(asked, found({}));
  rig.hear(caller, "SIP/2.0 480 ");
}

TEST("SA-5 REG-20 a shared store that does not answer: 503 with Retry-After, and what a device has said goes back if it fails later") {
  const TemporaryFolder folder;
  SharedRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  caller.send(Request().text());
  rig.answer(rig.question(), "");
  CHECK(holds(rig.hear(caller, "SIP/2.0 503 "), "\r\nRetry-After: 10\r\n"));
  caller.send(invite(2).text());
  rig.answer(rig.question(), found({behind(1, edge.port())}));
  std::string refusal = answer_to(rig.hear(edge, "INVITE"), 408);
  refusal.insert(refusal.find("\r\n") + 2, "X-Device: said so\r\n");
  edge.send(refusal);
  rig.answer(rig.question(), "e");
  CHECK(holds(rig.hear(caller, "SIP/2.0 408 "), "X-Device: said so"));
}

TEST("SA-5 OB-7-25 a flow of another node is reached along its Path, and only that node removes it; one of ours is used itself") {
  const TemporaryFolder folder;
  SharedRig rig(folder.path());
  const Peer node = Peer::udp(rig.port(ShardRig::kCoreUdp)), phone = Peer::udp(rig.port(ShardRig::kClientUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  KeptBinding one = behind(1, node.port());
  one[Part::flow] = "u/127.0.0.1/1/127.0.0.1/2";
  one[Part::node] = "other-node";
  caller.send(invite().text());
  rig.answer(rig.question(), found({one}));
  const std::string copy = rig.hear(node, "INVITE");
  CHECK(holds(copy, "\r\nRoute: <sip:t1@"));
  node.send(answer_to(copy, 430));
  const SharedRig::Question asked = rig.question();
  CHECK_EQ(asked.removals, "");
  rig.answer(asked, found({one}));
  rig.hear(caller, "SIP/2.0 480 ");
  phone.send("\r\n\r\n");
  rig.turn();
  one[Part::flow] = rig.udp_id(phone);
  one[Part::node] = kNode;
  caller.send(invite(2).text());
  rig.answer(rig.question(), found({one}));
  CHECK(!holds(rig.hear(phone, "INVITE"), "\r\nRoute:"));
}

TEST("SA-5 a request that waits for the shared store while the process is replaced is asked for again by the next one") {
  const TemporaryFolder folder;
  SharedRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  caller.send(invite().text());
  CHECK_EQ(rig.question().number, 1u);
  SharedRig next(rig);
  Moving moving(*rig);
  CHECK_EQ(moving.into(*next), "");
  CHECK_EQ(next->open(), 0);
  rig->release();
  next.answer(next.question(), found({behind(1, edge.port())}));
  next.hear(edge, "INVITE");
}

TEST("SA-5 REG-20 what a device has said is known to the next process too, which asks for further ways") {
  const TemporaryFolder folder;
  SharedRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  caller.send(invite().text());
  rig.answer(rig.question(), found({behind(1, edge.port())}));
  std::string refusal = answer_to(rig.hear(edge, "INVITE"), 408);
  refusal.insert(refusal.find("\r\n") + 2, "X-Device: said so\r\n");
  edge.send(refusal);
  rig.question();
  SharedRig next(rig);
  Moving moving(*rig);
  CHECK_EQ(moving.into(*next), "");
  CHECK_EQ(next->open(), 0);
  rig->release();
  next.answer(next.question(), "e");
  CHECK(holds(next.hear(caller, "SIP/2.0 408 "), "X-Device: said so"));
}

}  // namespace sluice::proxying_test
