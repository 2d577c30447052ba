// The object path's way out and back in: flows by their id, what is sent over them, and what is reported about them.
#include "core/relay/flow_id.h"
#include "core/relay/object_branch.h"
#include "shard_rig.h"

namespace sluice::shard_object_test {
using namespace test;

namespace {

void be_home(EdgeConfig& config) { config.home = true; }

// The id of a connection in the rig's process.
std::string id_of(FlowHandle flow, unsigned listener = ShardRig::kClientTcp, unsigned shard = 0) {
  return "s/" + std::to_string(listener) + "/" + std::to_string(shard) + "/7/" + std::to_string(flow.slot) + "/" + std::to_string(flow.generation);
}

std::string udp_id(const ShardRig& rig, uint16_t client, uint16_t listener = ShardRig::kClientUdp) {
  return "u/127.0.0.1/" + std::to_string(rig.port(listener)) + "/127.0.0.1/" + std::to_string(client);
}

std::string new_branch(ShardRig& rig, uint32_t loop = 42) {
  char text[kMaxObjectBranch];
  return std::string(text, rig->object().new_branch(loop, KeptBy::objects, text));
}

// A request of the object path.
std::string own_request(const ShardRig& rig, const std::string& branch, const std::string& transport = "UDP", const std::string& method = "MESSAGE") {
  return method + " sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/" + transport + " 127.0.0.1:" + std::to_string(rig.port(ShardRig::kCoreUdp)) + ";branch=" + branch +
         "\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: own\r\nCSeq: 1 " + method + "\r\nContent-Length: 0\r\n\r\n";
}

// What the object path would see of each message: it takes all of them.
struct Taken {
  std::vector<std::vector<int32_t>> records;
  void from(ShardRig& rig) {
    rig.policy = [this](unsigned, const int32_t* record, int32_t* verdict) {
      records.emplace_back(record, record + k_record_fields);
      verdict[kVerdict_action] = static_cast<int32_t>(Action::object);
      return true;
    };
  }
};

// Keeps reported events, because taking them removes them.
class HomeRig : public ShardRig {
 public:
  using ShardRig::ShardRig;
  const std::vector<ObjectEvent>& told() {
    for (ObjectEvent& event : (*this)->object_events().take(SIZE_MAX)) told_.push_back(std::move(event));
    return told_;
  }

 private:
  std::vector<ObjectEvent> told_;
};

std::vector<std::string> events_of(HomeRig& rig, ObjectEventKind kind) {
  std::vector<std::string> found;
  for (const ObjectEvent& event : rig.told())
    if (event.kind == kind) found.push_back(event.text);
  return found;
}

Address loop_address(uint16_t port) { return address("127.0.0.1", port); }

}  // namespace

TEST("OB-7-12 a request of the object path leaves over the flow its id names, and the response comes back only to it") {
  HomeRig rig(be_home);
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  const std::string id = id_of(rig.flow(FlowKind::stream));
  CHECK(rig->object().flow_lives(id));
  CHECK(rig->object().send_to_flow(id, own_request(rig, new_branch(rig), "TCP")));
  rig->settle();
  const std::string request = rig.hear(client, "MESSAGE sip:");
  Taken taken;
  taken.from(rig);
  const Peer thief = Peer::udp(rig.port(ShardRig::kClientUdp));
  std::string forged = answer_to(request, 200);
  forged.replace(forged.find("branch=z9hG4bK") + 14, 4, "AAAA");
  thief.send(forged);
  client.send(answer_to(request, 200));
  CHECK(rig.until([&] { return !taken.records.empty(); }));
  CHECK_EQ(taken.records.size(), 1u);
  CHECK(taken.records[0][kRecord_headers] & static_cast<int32_t>(kHeader_object_answer));
  CHECK_EQ(taken.records[0][kRecord_status], 200);
  CHECK_EQ(rig.count(Counter::unsolicited_responses), 1);
  CHECK_EQ(rig.count(Counter::object_messages), 1);
}

TEST("OB-7-12 an id that is incomplete, or names another listener, shard, run or flow, leads nowhere") {
  HomeRig rig(be_home);
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  const FlowHandle flow = rig.flow(FlowKind::stream);
  const std::string slot = std::to_string(flow.slot), generation = std::to_string(flow.generation);
  const std::string udp = udp_id(rig, client.port());
  const std::vector<std::string> ids =
       {"", "s", "s/1/0/7/" + slot, "s/1/0/7/" + slot + "/" + generation + "/1", "s/99/0/7/" + slot + "/" + generation, "s/1/1/7/" + slot + "/" + generation,
        "s/1/0/8/" + slot + "/" + generation, "s/1/0/7/x/" + generation, "s/1/0/7/" + slot + "/99999999999", "s/1/0/7/" + slot + "/" + std::to_string(flow.generation + 1),
        "x/1/0/7/" + slot + "/" + generation, "u/127.0.0.1/1/127.0.0.1/5060", udp + "9999999", "u/nowhere/1/127.0.0.1/1", udp.substr(0, udp.rfind('/'))};
  for (const std::string& id : ids) {
    CHECK(!rig->object().flow_lives(id));
    CHECK(!rig->object().send_to_flow(id, own_request(rig, new_branch(rig))));
    rig->object().answer_flow(id, "SIP/2.0 200 OK\r\n\r\n", true);
    rig->object().bind_flow(id, 0);
    char token[kMaxTokenText];
    FlowName name;
    if (!rig->object().flow_name(id, name)) CHECK_EQ(rig->object().flow_token(id, Side::client, token), 0u);
  }
  rig.turn();
  CHECK_EQ(client.drain(), "");
  CHECK_EQ(rig.count(Counter::send_dropped), 15);
}

TEST("OB-7-13 silence ends a UDP flow bound by the object path, which is reported once; the next REGISTER revives it") {
  HomeRig rig(be_home);
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  const std::string id = udp_id(rig, client.port());
  char token[kMaxTokenText];
  CHECK(rig->object().flow_lives(id));
  rig->object().bind_flow(id, 120);
  const std::string old(token, rig->object().flow_token(id, Side::core, token));
  const Flow* flow = rig.at(rig.flow(FlowKind::udp));
  CHECK(flow != nullptr && flow->flags == (kFlow_outbound | kFlow_registered | kFlow_supervised));
  CHECK(rig->object().send_to_flow(id, own_request(rig, new_branch(rig))));
  rig->settle();
  rig.hear(client, "MESSAGE sip:");
  rig.pass(126'000);
  CHECK_EQ(events_of(rig, ObjectEventKind::flow_gone).size(), 1u);
  CHECK_EQ(events_of(rig, ObjectEventKind::flow_gone)[0], id);
  CHECK(!rig->object().flow_lives(id));
  CHECK(!rig->object().send_to_flow(id, own_request(rig, new_branch(rig))));
  rig.pass(20'000);
  rig->object().bind_flow(id, 0);
  CHECK(rig->object().flow_lives(id));
  CHECK(!rig->inspect().token(old).alive);
  CHECK(rig->inspect().token(Text(token, rig->object().flow_token(id, Side::core, token))).alive);
}

TEST("OB-7-13 the end of a connection bound or used by the object path is reported; if it is already gone, at once") {
  HomeRig rig(be_home);
  Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  const std::string id = id_of(rig.flow(FlowKind::stream));
  rig->object().bind_flow(id, 0);
  client.close();
  CHECK(rig.until([&] { return !rig.told().empty(); }));
  rig->object().bind_flow(id, 0);
  CHECK_EQ(events_of(rig, ObjectEventKind::flow_gone).size(), 2u);
  CHECK_EQ(events_of(rig, ObjectEventKind::flow_gone)[1], id);
  Peer unbound = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  unbound.close();
  rig.turn();
  CHECK_EQ(rig.told().size(), 2u);
}

TEST("RPORT-4-3 TR-5 a UDP response of the object path goes to the source port for rport and outbound, else to the port in Via") {
  HomeRig rig(be_home);
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  const Peer other = Peer::bound(SOCK_DGRAM);
  std::string flow, answer;
  rig.policy = [&](unsigned i, const int32_t*, int32_t*) {
    char text[kMaxFlowId];
    flow = std::string(text, rig->object().flow_id_of(i, text));
    answer = std::string(text, rig->object().answer_flow_of(i, text));
    CHECK(rig->object().loop_hash_of(i) != 0);
    return true;
  };
  const auto ask = [&](const std::string& method, const std::string& params, const std::string& lines) {
    std::string text = Request{.method = method, .lines = lines}.text();
    text.replace(text.find(" 10.0.0.1:5060;rport"), 20, " 10.0.0.1:" + std::to_string(other.port()) + params);
    flow.clear();
    client.send(text);
    CHECK(rig.until([&] { return !flow.empty(); }));
    CHECK_EQ(flow, udp_id(rig, client.port()));
  };
  ask("MESSAGE", ";rport", "");
  CHECK_EQ(answer, flow);
  ask("REGISTER", "", "Contact: <sip:a@10.0.0.1>;reg-id=1;+sip.instance=\"<urn:x>\"\r\n");
  CHECK_EQ(answer, flow);
  ask("MESSAGE", ";keep", "");
  CHECK_EQ(answer, flow);
  ask("MESSAGE", "", "");
  CHECK_EQ(answer, udp_id(rig, other.port()));
  rig->object().answer_flow(answer, "SIP/2.0 202 Accepted\r\n\r\n", true);
  rig->settle();
  rig.hear(other, "SIP/2.0 202");
  CHECK_EQ(rig.count(Counter::responses_2xx), 1);
}

TEST("a request to a neighbour leaves by the right listener or connection, whose id is returned") {
  HomeRig rig(be_home);
  const Peer udp = Peer::bound(SOCK_DGRAM);
  const Peer tcp = Peer::listening();
  char id[kMaxFlowId];
  ObjectGate& gate = rig->object();
  CHECK_EQ(std::string(id, gate.send_to_address(Transport::udp, loop_address(udp.port()), "127.0.0.1", own_request(rig, new_branch(rig)), id)),
           udp_id(rig, udp.port(), ShardRig::kCoreUdp));
  const std::string first(id, gate.send_to_address(Transport::tcp, loop_address(tcp.port()), "127.0.0.1", own_request(rig, new_branch(rig), "TCP"), id));
  CHECK(first.starts_with("s/"));
  CHECK_EQ(std::string(id, gate.send_to_address(Transport::tcp, loop_address(tcp.port()), "127.0.0.1", own_request(rig, new_branch(rig), "TCP"), id)), first);
  rig->settle();
  rig.hear(udp, "MESSAGE sip:");
  const Peer connection = rig.accept(tcp);
  std::string got;
  CHECK(rig.until([&] { return count_of(got += connection.drain(), "MESSAGE sip:") == 2; }));
  // No way to prove the peer's name, and an unusable address.
  CHECK_EQ(gate.send_to_address(Transport::tls, loop_address(tcp.port()), "127.0.0.1", own_request(rig, new_branch(rig), "TLS"), id), 0u);
  CHECK_EQ(gate.send_to_address(Transport::udp, address("0.0.0.0", 5060), "0.0.0.0", own_request(rig, new_branch(rig)), id), 0u);
}

TEST("TR-23 a request of the object path whose connection fails is reported by its branch and not sent elsewhere") {
  HomeRig rig(be_home);
  const Peer second = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, second.port()}});
  const std::string branch = new_branch(rig);
  char id[kMaxFlowId];
  CHECK(rig->object().send_to_address(Transport::tcp, loop_address(Peer::bound(SOCK_STREAM).port()), "127.0.0.1", own_request(rig, branch, "TCP"), id) > 0);
  rig->settle();
  CHECK(rig.until([&] { return !events_of(rig, ObjectEventKind::send_failed).empty(); }));
  CHECK_EQ(events_of(rig, ObjectEventKind::send_failed)[0], branch);
  CHECK_EQ(second.drain(), "");
}

TEST("PX-16.9-1 OB-13-1 a request that is too long, or that a filter holds back, is reported as such; its flow lives on") {
  HomeRig rig(be_home);
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  const std::string local = "u/127.0.0.1/" + std::to_string(rig.port(ShardRig::kClientUdp)) + "/";
  const std::string id = local + "127.0.0.1/" + std::to_string(client.port()), forbidden = local + "127.255.255.255/5060";  // a broadcast, which gives EACCES
  const std::string longer = new_branch(rig), held = new_branch(rig);
  CHECK(rig->object().send_to_flow(id, own_request(rig, longer) + std::string(65'507, 'x')));
  CHECK(rig->object().send_to_flow(forbidden, own_request(rig, held)));
  rig->settle();
  CHECK(rig.until([&] { return !events_of(rig, ObjectEventKind::held_back).empty(); }));
  CHECK_EQ(events_of(rig, ObjectEventKind::too_large).at(0), longer);
  CHECK_EQ(events_of(rig, ObjectEventKind::held_back).at(0), held);
  CHECK_EQ(events_of(rig, ObjectEventKind::send_failed).size(), 0u);
  CHECK_EQ(client.drain(), "");
  CHECK(rig->object().send_to_flow(id, own_request(rig, new_branch(rig))));
  rig->settle();
  rig.hear(client, "MESSAGE sip:");
}

TEST("OB-7-13 an ICMP message about a client is reported with the branch of the request it quotes") {
  HomeRig rig(be_home);
  Peer client = Peer::bound(SOCK_DGRAM);
  const std::string id = udp_id(rig, client.port());
  client.close();
  const std::string branch = new_branch(rig);
  CHECK(rig->object().send_to_flow(id, own_request(rig, branch)));
  rig->settle();
  CHECK(rig.until([&] { return !rig.told().empty(); }));
  CHECK_EQ(events_of(rig, ObjectEventKind::unreachable)[0], branch);
  // Without a quoted request of ours, anyone who knows the two addresses could have forged it.
  const std::string other = new_branch(rig);
  std::string forged = own_request(rig, other);
  forged[forged.find(other) + 10] ^= 1;
  for (const std::string& text : {forged, "SIP/2.0 200 OK\r\n" + forged, own_request(rig, other)}) {
    CHECK(rig->object().send_to_flow(id, text));
    rig->settle();
    rig.turn();
  }
  CHECK(rig.until([&] { return rig.told().size() > 1; }));
  const std::vector<std::string> told = events_of(rig, ObjectEventKind::unreachable);
  CHECK(told.size() == 2 && told.back() == other);
}

TEST("room for requests is counted per source and returned once") {
  HomeRig rig([](EdgeConfig& config) {
    config.home = true;
    config.limits.reservations.requests_per_source = 2;
    config.limits.reservations.octets_per_source = 1 << 20;
  });
  ObjectGate& gate = rig->object();
  const Address one = address("192.0.2.1", 1);
  const uint32_t first = gate.reserve(one, 1, 1000, Room::ending, false);
  const uint32_t second = gate.reserve(one, 1, 1000, Room::ending, false);
  CHECK(first != 0 && second != 0);
  CHECK_EQ(gate.reserve(one, 1, 1000, Room::ending, false), 0u);
  const Address neighbour = address("192.0.2.2", 1);  // it has no share of its own
  for (int i = 0; i < 3; ++i) CHECK(gate.reserve(neighbour, 1, 1000, Room::ending, true) != 0);
  CHECK_EQ(rig.count(Counter::requests_held), 5);
  CHECK_EQ(rig.count(Counter::requests_refused), 1);
  CHECK(rig->alerts().back().event == Event::source_full);
  gate.release(first);
  gate.release(first);
  gate.release(0);
  CHECK_EQ(rig.count(Counter::requests_held), 4);
  CHECK_EQ(rig.count(Counter::request_octets_held), 4000);
  CHECK(gate.reserve(one, 1, 1000, Room::ending, false) != 0);
}

TEST("DNS-5 a call tries the live upstreams by priority") {
  HomeRig rig(be_home);
  const uint16_t first = Peer::bound(SOCK_STREAM).port(), second = Peer::bound(SOCK_DGRAM).port();
  rig.upstreams({{Transport::tcp, first}, {Transport::udp, second}});
  std::array<int, UpstreamSet::kCapacity> order{};
  CHECK_EQ(rig->object().choose_upstreams("call", order), 2u);
  CHECK(order[0] == 0 && order[1] == 1);
  char id[kMaxFlowId];
  CHECK(rig->object().send_to_address(Transport::tcp, loop_address(first), "127.0.0.1", own_request(rig, new_branch(rig), "TCP"), id) > 0);
  rig->settle();
  CHECK(rig.until([&] { return !rig.upstream_lives(0); }));
  CHECK_EQ(rig->object().choose_upstreams("call", order), 1u);
  CHECK_EQ(order[0], 1);
  // A reload that keeps the target keeps its health.
  rig.upstreams({{Transport::tcp, first}, {Transport::udp, second}});
  CHECK(!rig.upstream_lives(0));
  CHECK_EQ(rig->object().upstreams().size(), 2);
}

TEST("SA-6 a request for a connection of another shard leaves from there; if the connection is gone, the branch is reported as failed") {
  const auto rings = std::make_shared<Rings>(2);
  HomeRig first(be_home, rings, 0);
  HomeRig second(be_home, rings, 1);
  Peer client = Peer::tcp(second.port(ShardRig::kClientTcp));
  second.turn();
  const std::string id = id_of(second.flow(FlowKind::stream), ShardRig::kClientTcp, 1);
  CHECK(first->object().flow_lives(id));  // only its own shard can judge it
  CHECK(first->object().send_to_flow(id, own_request(first, new_branch(first), "TCP")));
  second.hear(client, "MESSAGE sip:");
  client.close();
  CHECK(second.until([&] { return !events_of(second, ObjectEventKind::flow_gone).empty(); }));
  first.turn();
  CHECK_EQ(events_of(first, ObjectEventKind::flow_gone_elsewhere).size(), 1u);
  const std::string branch = new_branch(first);
  CHECK(first->object().send_to_flow(id, own_request(first, branch, "TCP")));
  second.turn();
  first.turn();
  CHECK_EQ(events_of(first, ObjectEventKind::send_failed).size(), 1u);
  CHECK_EQ(events_of(first, ObjectEventKind::send_failed)[0], branch);
}

TEST("SA-6 the response to a request of the object path reaches the shard that keeps it, whichever shard received it") {
  const auto rings = std::make_shared<Rings>(2);
  HomeRig first(be_home, rings, 0);
  HomeRig second([&](EdgeConfig& config) {
    config.home = true;
    config.aliases.push_back(first->config().listeners[ShardRig::kCoreUdp].bound);
  }, rings, 1);
  Taken here, there;
  here.from(first);
  there.from(second);
  const Peer core = Peer::udp(second.port(ShardRig::kCoreUdp));
  core.send(answer_to(own_request(first, new_branch(first)), 180));
  second.turn();
  first.turn();
  CHECK_EQ(here.records.size(), 1u);
  CHECK(there.records.empty());
}

TEST("SA-6 TX-9 requests of a neighbour with the same branch meet on one shard, whichever shard received them") {
  const auto rings = std::make_shared<Rings>(2);
  HomeRig first(be_home, rings, 0);
  HomeRig second(be_home, rings, 1);
  Taken here, there;
  here.from(first);
  there.from(second);
  const Peer core = Peer::bound(SOCK_DGRAM);
  size_t seen_here = 0;
  for (int number = 0; number < 16; ++number) {
    for (const ShardRig* rig : {&first, &second}) core.send_to(rig->port(ShardRig::kCoreUdp), Request{.number = number}.text());
    for (int round = 0; round < 2; ++round) first.turn(), second.turn();
    CHECK_EQ((here.records.size() - seen_here) % 2, 0u);
    seen_here = here.records.size();
  }
  CHECK_EQ(here.records.size() + there.records.size(), 32u);
  CHECK(!here.records.empty() && !there.records.empty());
}

}  // namespace sluice::shard_object_test
