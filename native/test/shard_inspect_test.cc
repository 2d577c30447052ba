// What the operator sees of a shard and can do to its flows: lists, tokens, bans and moving out.
#include "shard_rig.h"

namespace sluice::shard_inspect_test {
using namespace test;

namespace {

std::vector<FlowFacts> flows_of(ShardRig& rig, const FlowFilter& filter = {}) {
  std::vector<FlowFacts> found;
  uint32_t cursor = 0;
  rig->inspect().flows(cursor, UINT32_MAX, SIZE_MAX, filter, found);
  CHECK_EQ(cursor, 0u);
  return found;
}

FlowFilter with_text(const std::string& text) {
  FlowFilter filter;
  filter.text = text;
  return filter;
}

// Registers over a connection or a socket; the 200 marks the flow as an edge's policy would.
void registers(ShardRig& rig, const Peer& client, const Peer& core, int number, const std::string& user, const std::string& contact, const std::string& lines = "",
               const std::string& transport = "TCP") {
  std::string text = Request{.method = "REGISTER", .number = number, .transport = transport, .lines = "Contact: " + contact + "\r\n" + lines}.text();
  text.replace(text.find("To: <sip:bob@"), 13, "To: <sip:" + user + "@");
  client.send(text);
  const std::string request = rig.hear(core, "Call-ID: c" + std::to_string(number) + "\r\n");
  rig.policy = [](unsigned, const int32_t* record, int32_t* verdict) {
    if (!record[kRecord_is_response]) return false;
    verdict[kVerdict_action] = static_cast<int32_t>(Action::relay_response);
    verdict[kVerdict_edits] = static_cast<int32_t>(kEdit_mark_registered);
    return true;
  };
  core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(request, 200));
  rig.hear(client, "SIP/2.0 200");
  rig.policy = nullptr;
}

const std::string kPhone = "<sip:alice@10.0.0.1>;reg-id=2;+sip.instance=\"<urn:uuid:1>\"";

}  // namespace

TEST("flows are found by AOR, instance, address and name, page by page") {
  Scene scene;
  ShardRig& rig = scene.rig;
  const Peer alice = Peer::tcp(rig.port(ShardRig::kClientTcp));
  registers(rig, alice, scene.core, 1, "alice", kPhone, "user-agent: Phone/1.2\r\n");
  const Peer carol = Peer::udp(rig.port(ShardRig::kClientUdp));
  registers(rig, carol, scene.core, 2, "carol", "<sip:carol@10.0.0.2>", "", "UDP");
  const Peer nobody = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  CHECK_EQ(flows_of(rig).size(), 3u);
  for (const char* text : {"alice@example", "urn:uuid:1"}) {
    const std::vector<FlowFacts> found = flows_of(rig, with_text(text));
    CHECK_EQ(found.size(), 1u);
    if (found.empty()) continue;
    CHECK_EQ(found[0].notes->aor(), "sip:alice@example.com");
    CHECK_EQ(found[0].notes->instance(), "urn:uuid:1");
    CHECK_EQ(found[0].notes->agent(), "Phone/1.2");
    CHECK_EQ(found[0].notes->reg_id, 2u);
    CHECK_EQ(found[0].flow->remote.port, alice.port());
    CHECK(found[0].octets_in >= 200);
    CHECK(found[0].age_ms >= 0);
  }
  CHECK(flows_of(rig, with_text("carol"))[0].age_ms >= 0);
  CHECK(flows_of(rig, with_text("dave")).empty());
  FlowFilter filter;
  filter.by_address = true;
  filter.address = address("127.0.0.1", 0);
  CHECK_EQ(flows_of(rig, filter).size(), 3u);
  filter.address.port = nobody.port();
  CHECK_EQ(flows_of(rig, filter).size(), 1u);
  filter.address = address("127.0.0.2", 0);
  CHECK(flows_of(rig, filter).empty());
  std::vector<FlowFacts> page;
  uint32_t cursor = 0;
  size_t pages = 0;
  do rig->inspect().flows(cursor, 1, 100, FlowFilter(), page), ++pages;
  while (cursor != 0);
  CHECK(page.size() == 3 && pages >= 3);
  const FlowSurvey survey = rig->inspect().survey();
  CHECK_EQ(survey.ages[0], 2u);
  CHECK_EQ(survey.silence[0], 3u);
}

TEST("flows are found by the classes of age and silence that the survey counts; only connections have an age") {
  Scene scene;
  ShardRig& rig = scene.rig;
  const Peer alice = Peer::tcp(rig.port(ShardRig::kClientTcp));
  registers(rig, alice, scene.core, 1, "alice", kPhone);
  rig.pass(40'000);
  const Peer carol = Peer::udp(rig.port(ShardRig::kClientUdp));
  registers(rig, carol, scene.core, 2, "carol", "<sip:carol@10.0.0.2>", "", "UDP");
  const auto count = [&](uint32_t FlowFilter::*least, uint32_t FlowFilter::*below, size_t step, bool by_age) {
    FlowFilter filter;
    filter.clients_only = true;
    filter.by_age = by_age;
    filter.*least = step == 0 ? 0 : kSurveySteps[step - 1] * 1000;
    filter.*below = kSurveySteps[step] * 1000;
    return static_cast<uint32_t>(flows_of(rig, filter).size());
  };
  const FlowSurvey survey = rig->inspect().survey();
  CHECK(survey.ages[0] == 0 && survey.ages[1] == 1 && survey.silence[0] == 1 && survey.silence[1] == 1);
  for (size_t step = 0; step < std::size(kSurveySteps); ++step) {
    CHECK_EQ(count(&FlowFilter::least_age_ms, &FlowFilter::age_below_ms, step, true), survey.ages[step]);
    CHECK_EQ(count(&FlowFilter::least_idle_ms, &FlowFilter::idle_below_ms, step, false), survey.silence[step]);
  }
}

TEST("a refresh is recognised without being parsed again, and a removed binding is no longer listed") {
  Scene scene;
  ShardRig& rig = scene.rig;
  const Peer alice = Peer::tcp(rig.port(ShardRig::kClientTcp));
  registers(rig, alice, scene.core, 1, "alice", kPhone);
  rig.pass(40'000);
  registers(rig, alice, scene.core, 2, "alice", kPhone);
  const Registration* note = flows_of(rig, with_text("alice"))[0].notes;
  CHECK(note->since < note->refreshed && note->next == nullptr);
  CHECK_EQ(rig->inspect().survey().ages[1], 1u);  // 30 s to a minute
  // Other Contacts of the same device, a query, a star, and a To that is not an address.
  registers(rig, alice, scene.core, 3, "alice", "<sip:alice@10.0.0.9>;reg-id=3;+sip.instance=\"<urn:uuid:1>\"");
  CHECK_EQ(flows_of(rig, with_text("alice"))[0].notes->reg_id, 3u);
  registers(rig, alice, scene.core, 4, "dora", "<sip:dora@10.0.0.1>", "Expires: 600\r\n");
  CHECK_EQ(flows_of(rig, with_text("dora")).size(), 1u);
  registers(rig, alice, scene.core, 5, "dora", "<sip:dora@10.0.0.1>;expires=0");
  CHECK(flows_of(rig, with_text("dora")).empty());
  registers(rig, alice, scene.core, 6, "alice", kPhone, "Expires: 00\r\n");
  CHECK(flows_of(rig, with_text("alice")).empty());
}

TEST("the 2xx says how long an AOR is registered: for the Contact of the REGISTER, whatever else it lists") {
  Scene scene;
  ShardRig& rig = scene.rig;
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  const auto granted = [&](int number, const std::string& asked, const std::string& lines) {
    client.send(Request{.method = "REGISTER", .number = number, .transport = "TCP", .lines = "Contact: " + asked + "\r\n"}.text());
    const std::string request = rig.hear(scene.core, "Call-ID: c" + std::to_string(number) + "\r\n");
    scene.core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(request, 200, lines));
    rig.hear(client, "SIP/2.0 200");
    const std::vector<FlowFacts> flows = flows_of(rig, with_text("bob"));
    return flows.empty() ? 0u : flows[0].notes->granted;
  };
  CHECK_EQ(granted(1, "<sip:b@10.0.0.1>", "Contact: <sip:b@10.0.0.9>;expires=7, <sip:b@10.0.0.1>;q=1;expires=1800\r\nContact: <sip:c@10.0.0.1>;expires=9\r\n"), 1800u);
  CHECK_EQ(granted(2, "<sip:b@10.0.0.1>", "Contact: <sip:b@10.0.0.1>;expires=60\r\n"), 60u);
  CHECK_EQ(granted(3, "<sip:b@10.0.0.1>", "Contact: <sip:rewritten@10.0.0.1>;expires=70\r\n"), 70u);
  CHECK_EQ(granted(4, "<sip:b@10.0.0.1>", "Expires: 80\r\nContact: <sip:b@10.0.0.1>\r\n"), 80u);
  CHECK_EQ(granted(5, "<sip:b@10.0.0.1>", ""), 0u);
  // One Contact with whatever registrars write behind it; what is in a string is no parameter, and a second Contact may be on the same line.
  constexpr const char* kOwn = "<sip:b@10.0.0.1>";
  const std::pair<const char*, uint32_t> kTails[] = {
      {";reg-id=1;+sip.instance=\"<urn:x;expires=9,>\";expires=100;pub-gruu=\"sip:b@a;gr=1\"", 100},
      {";EXPIRES=101", 101},
      {" ; expires = 102", 102},
      {";x=\"a\\\";expires=9\";expires=103", 103},
      {";expired=9;expires=104;expires=9", 104},
      {";expires=105, <sip:c@10.0.0.1>;expires=9", 105},
      {";q=1\r\nExpires: 106", 106},
      {";expires=\r\nExpires: 9", 0},
      {";expires=10x\r\nExpires: 9", 0},
  };
  int number = 20;
  for (const auto& [tail, seconds] : kTails) CHECK_EQ(granted(++number, kOwn, std::string("Contact: ") + kOwn + tail + "\r\n"), seconds);
  // The same answer again, and then another one.
  for (const auto& [number, seconds] : {std::pair{6, 90u}, {7, 90u}, {8, 91u}, {9, 90u}})
    CHECK_EQ(granted(number, "<sip:b@10.0.0.1>", "Contact: <sip:b@10.0.0.1>;expires=" + std::to_string(seconds) + "\r\n"), seconds);
}

TEST("up to sixteen AORs per flow are listed, and when the flow ends the list says whose it was") {
  Scene scene;
  ShardRig& rig = scene.rig;
  Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  for (int i = 0; i < 18; ++i) registers(rig, client, scene.core, 10 + i, "user" + std::to_string(i), "<sip:u@10.0.0.1>");
  size_t count = 0;
  for (const Registration* note = flows_of(rig, with_text("user1"))[0].notes; note != nullptr; note = note->next.get()) ++count;
  CHECK_EQ(count, 16u);
  client.close();
  CHECK(rig.until([&] { return rig->inspect().notes().end_at(0) != nullptr; }));
  const FlowEnd* end = rig->inspect().notes().end_at(0);
  CHECK(end->why == Counter::flows_closed && end->kind == FlowKind::stream);
  CHECK_EQ(std::string(end->text, end->aor_size), "sip:user15@example.com");
  CHECK(end->messages >= 18);
  CHECK(rig->inspect().notes().end_at(1) == nullptr);
}

TEST("connections over which nobody registered do not push out the phones that ended") {
  Scene scene;
  ShardRig& rig = scene.rig;
  Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  registers(rig, client, scene.core, 10, "bob", "<sip:u@10.0.0.1>");
  client.close();
  CHECK(rig.until([&] { return rig->inspect().notes().end_at(0) != nullptr; }));
  for (size_t strangers = 1; strangers <= 3; ++strangers) {
    Peer stranger = Peer::tcp(rig.port(ShardRig::kClientTcp));
    rig.turn();
    stranger.close();
    CHECK(rig.until([&] { return rig->inspect().notes().end_at(strangers) != nullptr; }));
  }
  CHECK_EQ(std::string(rig->inspect().notes().end_at(0)->text, rig->inspect().notes().end_at(0)->aor_size), "sip:bob@example.com");
  CHECK_EQ(rig->inspect().notes().end_at(1)->aor_size, 0);
}

TEST("a REGISTER granted by the object path is listed under the id of its flow") {
  Scene scene([](EdgeConfig& config) { config.home = true; });
  ShardRig& rig = scene.rig;
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  const Peer stream = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  const std::string request = Request{.method = "REGISTER", .lines = "Contact: " + kPhone + "\r\n"}.text();
  const std::string udp = "u/127.0.0.1/" + std::to_string(rig.port(ShardRig::kClientUdp)) + "/127.0.0.1/" + std::to_string(client.port());
  rig->inspect().note_register(udp, request, 600);
  CHECK(flows_of(rig, with_text("bob")).empty());  // nothing is remembered about that flow
  rig->object().bind_flow(udp, 0);
  rig->inspect().note_register(udp, request, 600);
  const FlowHandle flow = rig.flow(FlowKind::stream);
  rig->inspect().note_register("s/1/0/7/" + std::to_string(flow.slot) + "/" + std::to_string(flow.generation), request, 600);
  rig->inspect().note_register("s/1/0/7/" + std::to_string(flow.slot) + "/" + std::to_string(flow.generation + 1), request, 600);
  rig->inspect().note_register("nonsense", request, 600);
  CHECK_EQ(flows_of(rig, with_text("bob@")).size(), 2u);
  CHECK_EQ(flows_of(rig, with_text("bob@"))[0].notes->granted, 600u);
  CHECK_EQ(rig.count(Counter::registers_ok), 5);
}

TEST("a token shows whether its flow is alive and whether this process made it") {
  ShardRig rig;
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  const FlowHandle flow = rig.flow(FlowKind::stream);
  FlowName name;
  name.boot = 7;
  name.slot = flow.slot;
  name.generation = flow.generation;
  CHECK(rig->inspect().token(token(name)).alive);
  FlowName elsewhere = name;
  elsewhere.generation += 1;
  CHECK(!rig->inspect().token(token(elsewhere)).alive);
  elsewhere.boot = 8;
  CHECK(!rig->inspect().token(token(elsewhere)).of_this_boot);
  CHECK(rig->inspect().token("nonsense").verdict != TokenVerdict::ok);
  CHECK(rig->inspect().token(token(name, ring_of({{5, kOtherSecret}}))).verdict == TokenVerdict::forged);
}

TEST("DET-22 a ban ends the flows of its network and refuses new ones until it is lifted") {
  Scene scene;
  ShardRig& rig = scene.rig;
  const Peer stream = Peer::tcp(rig.port(ShardRig::kClientTcp));
  const Peer datagrams = Peer::udp(rig.port(ShardRig::kClientUdp));
  registers(rig, datagrams, scene.core, 1, "alice", kPhone, "", "UDP");
  rig.turn();
  rig->inspect().set_bans({BannedNet{address("10.0.0.0", 0), 104}, BannedNet{address("127.0.0.0", 0), 104}});
  rig->settle();
  CHECK_EQ(rig.hear(stream, "<EOF>"), "<EOF>");
  CHECK_EQ(rig.count(Counter::flows_refused), 1);
  CHECK(rig.at(rig.flow(FlowKind::udp))->flags & kFlow_dead);
  datagrams.send(Request().text());
  const Peer again = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.hear(again, "<EOF>");
  CHECK_EQ(rig.count(Counter::banned), 2);
  CHECK_EQ(datagrams.drain(), "");
  rig->inspect().set_bans({});
  datagrams.send(Request{.number = 2}.text());
  rig.hear(scene.core, "Call-ID: c2");
}

TEST("SA-8 clients are moved out a few at a time, idle ones first, and a UDP flow is closed by name") {
  Scene scene;
  ShardRig& rig = scene.rig;
  std::vector<Peer> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(Peer::tcp(rig.port(ShardRig::kClientTcp)));
  clients[0].send(Request{.method = "INVITE", .transport = "TCP"}.text());
  rig.hear(scene.core, "INVITE sip:");
  CHECK_EQ(rig->inspect().move_out(2, false), 2u);
  CHECK_EQ(rig->inspect().move_out(9, false), 1u);
  CHECK_EQ(rig->inspect().move_out(9, true), 0u);
  rig->settle();
  CHECK_EQ(rig.count(Counter::flows_moved), 4);
  const Peer datagrams = Peer::udp(rig.port(ShardRig::kClientUdp));
  registers(rig, datagrams, scene.core, 9, "alice", kPhone, "", "UDP");
  const FlowHandle flow = rig.flow(FlowKind::udp);
  CHECK(rig->inspect().close_flow(flow));
  CHECK(!rig->inspect().close_flow({flow.slot, flow.generation + 1}));
  CHECK(rig.at(flow)->flags & kFlow_dead);
}

TEST("SA-8 clients that have been silent for longest are moved out first, and a shard that stays after all accepts again") {
  ShardRig rig;
  std::vector<Peer> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(Peer::tcp(rig.port(ShardRig::kClientTcp)));
    rig.turn();
  }
  rig.pass(1000);
  clients[0].send("\r\n\r\n");
  rig.hear(clients[0], "\r\n");
  rig.pass(1000);
  clients[2].send("\r\n\r\n");
  rig.hear(clients[2], "\r\n");
  rig->stop_accepting();
  CHECK_EQ(rig->inspect().move_out(1, false), 2u);
  CHECK_EQ(rig.hear(clients[1], "<EOF>"), "<EOF>");
  CHECK_EQ(rig->inspect().move_out(1, false), 1u);
  CHECK_EQ(rig.hear(clients[0], "<EOF>"), "<EOF>");
  const Peer late = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  CHECK_EQ(rig.count(Counter::stream_flows), 1);
  rig->start_accepting();
  late.send("\r\n\r\n");
  rig.hear(late, "\r\n");
  CHECK_EQ(rig.count(Counter::stream_flows), 2);
}

}  // namespace sluice::shard_inspect_test
