// What may go wrong with a request that is proxied by numbers: messages that come twice, late, mutilated, or from somebody else.
#include <algorithm>

#include "core/shard/context_image.h"
#include "proxy_rig.h"

namespace sluice::proxying_hostile_test {
using namespace test;
using namespace proxying_test;

namespace {

std::string without_second_via(const std::string& response) {
  const size_t at = response.find("\r\nVia: ", response.find("\r\nVia: ") + 2);
  return response.substr(0, at) + response.substr(response.find("\r\n", at + 2));
}

std::string tag_of(const std::string& message) {
  const std::string to = value_of(message, "To");
  const size_t at = to.find("tag=");
  return at == std::string::npos ? "" : to.substr(at + 4);
}

}  // namespace

TEST("PX-16.7-1 a response without the caller's Via goes nowhere, and nothing is left of the request: an INVITE gets its status, or 408 for a 2xx") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.add(1, edge.port());
  int number = 0;
  for (const auto& [given, wanted] : {std::pair{200, "408 "}, std::pair{486, "486 "}}) {
    const Request request = invite(++number);
    caller.send(request.text());
    edge.send(without_second_via(answer_to(rig.hear(edge, "INVITE sip:"), given)));
    const std::string answer = rig.hear(caller, std::string("SIP/2.0 ") + wanted);
    caller.send(follow(request, "ACK", tag_of(answer.substr(answer.find(wanted)))));
    rig.heard(edge);
  }
  Request message;
  message.number = ++number;
  caller.send(message.text());
  edge.send(without_second_via(answer_to(rig.hear(edge, "MESSAGE sip:"), 200)));
  CHECK(rig.until([&] { return rig->proxying().open_count() == 0; }));
  CHECK_EQ(rig.heard(caller), "");
  CHECK_EQ(rig.count(Counter::requests_held), 0);
}

TEST("PX-16.9-1 OB-7-13 OB-13-1 a stranger's request that is too long for the callee's datagram gets 513, one that a filter holds back 480; the binding stays") {
  for (const bool too_long : {true, false}) {
    const TemporaryFolder folder;
    ProxyRig rig(folder.path());
    const Peer phone = Peer::udp(rig.port(ShardRig::kClientUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
    const std::string forbidden = "u/127.0.0.1/" + std::to_string(rig.port(ShardRig::kClientUdp)) + "/127.255.255.255/5060";  // a broadcast, which gives EACCES
    rig.add_flow(too_long ? rig.udp_id(phone) : forbidden);
    Request request = invite();
    if (too_long) request.body.assign(65'507 - request.text().size() - 4, 'x');
    caller.send(request.text());
    const std::string wanted = too_long ? "SIP/2.0 513 " : "SIP/2.0 480 ";
    const std::string heard = rig.hear(caller, wanted);
    caller.send(follow(request, "ACK", tag_of(heard.substr(heard.find(wanted)))));
    CHECK_EQ(rig.heard(phone), "");
    CHECK_EQ(rig.bindings(), 1u);
    CHECK_EQ(rig.count(Counter::requests_by_numbers), 1);
    CHECK_EQ(rig.count(Counter::send_dropped), 1);
    CHECK_EQ(rig.count(Counter::requests_held), 0);
    if (!too_long) continue;
    caller.send(invite(2).text());
    rig.hear(phone, "Call-ID: c2\r\n");
  }
}

TEST("that a copy was too long goes over to the process that takes over, unless somebody has responded") {
  const auto told = [](const ProxiedContext& context) {
    ImageWriter image(ImageOf::shard, kImageVersion);
    const size_t at = image.size();
    put_context(image, &context, nullptr);
    ImageReader reader(image.since(at), kImageVersion);
    auto next = read_context(reader, 60);
    CHECK(reader.good() && reader.empty());
    return next;
  };
  ProxiedContext context;
  CHECK(!told(context)->too_large);
  context.too_large = true;
  CHECK(told(context)->too_large);
  CHECK(told(context)->best.empty());
  CHECK(context.best.restore("SIP/2.0 486 Busy Here\r\n\r\n", 486));
  CHECK_EQ(told(context)->best.status(), 486);
}

TEST("CAN-5 CAN-6 a repeated CANCEL gets the same 200, with the To tag of the call, and has no second effect; after the end it has none at all") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp)), stranger = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.add(1, edge.port());
  caller.send(invite().text());
  const std::string copy = rig.hear(edge, "INVITE sip:");
  edge.send(answer_to(copy, 180));
  rig.hear(caller, "180 ");
  // TX-10: not from elsewhere, although everything in it is right.
  rig.states.clear();
  stranger.send(follow(invite(), "CANCEL"));
  rig.until([&] { return !rig.states.empty(); });
  CHECK(rig.states.at(0) == RequestState::unread);
  CHECK_EQ(rig.heard(edge), "");
  std::string first;
  for (int times = 0; times < 3; ++times) {
    caller.send(follow(invite(), "CANCEL"));
    const std::string answer = rig.hear(caller, "SIP/2.0 200 ");
    if (times > 0) CHECK_EQ(answer, first);
    first = answer;
  }
  // RFC 3261 17.2.2, 17.2.3: branch, sent-by and method make it a repetition, whatever else its sender has changed.
  std::string changed = follow(invite(), "CANCEL");
  changed.replace(changed.find("<sip:alice@"), 11, "<sip:alicealice@");
  caller.send(changed);
  CHECK_EQ(rig.hear(caller, "SIP/2.0 200 "), first);
  const std::string cancel = rig.heard(edge);
  CHECK_EQ(count_of(cancel, "CANCEL sip:"), 1u);
  edge.send(answer_to(cancel, 200));
  edge.send(answer_to(copy, 487));
  rig.hear(caller, "SIP/2.0 487 ");
  rig.hear(edge, "ACK sip:");
  caller.send(invite(2).text());
  edge.send(answer_to(rig.hear(edge, "INVITE sip:"), 200));
  rig.hear(caller, "SIP/2.0 200 ");
  caller.send(follow(invite(2), "CANCEL"));
  CHECK(holds(rig.hear(caller, "CSeq: 1 CANCEL"), "SIP/2.0 200 "));
  CHECK_EQ(rig.heard(edge), "");
}

TEST("CAN-5 a CANCEL that overtook its INVITE stays where it got its 481, over UDP") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.add(1, edge.port());
  caller.send(follow(invite(), "CANCEL"));
  CHECK(rig.until([&] { return !rig.states.empty(); }));
  CHECK(rig.states.at(0) == RequestState::unread);
  caller.send(invite().text());
  edge.send(answer_to(rig.hear(edge, "INVITE sip:"), 180));
  rig.hear(caller, "180 ");
  rig.states.clear();
  caller.send(follow(invite(), "CANCEL"));
  CHECK(rig.until([&] { return !rig.states.empty(); }));
  CHECK(rig.states.at(0) == RequestState::held);
  CHECK_EQ(rig.heard(edge), "");
}

TEST("TX-5 TX-7 TX-10 a refusal that comes again is acknowledged again and not passed on; only the caller's own ACK ends its repetition") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp)), stranger = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.add(1, edge.port());
  caller.send(invite().text());
  const std::string copy = rig.hear(edge, "INVITE sip:");
  rig.hear(caller, "SIP/2.0 100 ");
  for (int times = 0; times < 3; ++times) {
    edge.send(answer_to(copy, 486));
    CHECK_EQ(count_of(rig.hear(edge, "ACK sip:"), "ACK sip:"), 1u);
  }
  const std::string refused = rig.heard(caller);
  CHECK_EQ(count_of(refused, "SIP/2.0 486 "), 1u);
  stranger.send(follow(invite(), "ACK", "x"));
  rig.turn();
  rig.pass(600);
  CHECK_EQ(rig.heard(caller), refused);
  caller.send(invite().text());
  CHECK_EQ(rig.hear(caller, "SIP/2.0 486 "), refused);
  caller.send(follow(invite(), "ACK", "x"));
  rig.turn();
  rig.pass(5'000);
  CHECK_EQ(rig.heard(caller), "");
  CHECK_EQ(rig.heard(edge), "");
}

TEST("TX-12 an answer to a CANCEL, or to another method, is none to the INVITE of the same branch") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.add(1, edge.port());
  caller.send(invite().text());
  const std::string copy = rig.hear(edge, "INVITE sip:");
  rig.hear(caller, "SIP/2.0 100 ");
  for (const std::string method : {"CANCEL", "MESSAGE", "BYE"}) {
    std::string answer = answer_to(copy, 200);
    answer.replace(answer.find("CSeq: 1 INVITE"), 14, "CSeq: 1 " + method);
    edge.send(answer);
  }
  CHECK_EQ(rig.heard(caller), "");
  edge.send(answer_to(copy, 200));
  rig.hear(caller, "SIP/2.0 200 ");
}

TEST("TX-8 a call stays on its path when a Contact of another kind registers while it rings") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.add(1, edge.port());
  caller.send(invite().text());
  const std::string copy = rig.hear(edge, "INVITE sip:");
  edge.send(answer_to(copy, 180));
  const std::string rings = rig.hear(caller, "SIP/2.0 180 ");
  rig.add_named();
  caller.send(invite().text());
  CHECK(holds(rings, rig.hear(caller, "SIP/2.0 180 ")));
  caller.send(follow(invite(), "CANCEL"));
  CHECK(holds(rig.hear(caller, "CSeq: 1 CANCEL"), "SIP/2.0 200 "));
  CHECK(holds(rig.hear(edge, "CANCEL sip:"), value_of(copy, "Via")));
  edge.send(answer_to(copy, 487));
  rig.hear(caller, "SIP/2.0 487 ");
  CHECK(holds(rig.hear(edge, "ACK sip:"), value_of(copy, "Via")));
  CHECK(std::count(rig.states.begin(), rig.states.end(), RequestState::own) == 2);
  // The next call finds a device whose name has to be looked up.
  rig.states.clear();
  caller.send(invite(2).text());
  rig.until([&] { return !rig.states.empty(); });
  CHECK(rig.states.at(0) == RequestState::unread);
}

TEST("bodies of 48 KB pass both ways over connections") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  const Peer phone = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.until([&] { return rig.flow(FlowKind::stream).slot != 0; });
  const FlowHandle handle = rig.flow(FlowKind::stream);
  const std::string id = "s/1/0/7/" + std::to_string(handle.slot) + "/" + std::to_string(handle.generation);
  rig->object().bind_flow(id, 0);
  rig.add_flow(id);
  const Peer caller = Peer::tcp(rig.port(ShardRig::kClientTcp));
  Request request;
  request.transport = "TCP";
  request.body = std::string(48'000, 'b') + "end";
  caller.send(request.text());
  std::string copy = rig.hear(phone, "bend");
  CHECK(holds(copy, "\r\n\r\n" + request.body));
  std::string answer = answer_to(first_of(copy), 200);
  answer.replace(answer.find("Content-Length: 0"), 17, "Content-Length: 48003");
  phone.send(answer + request.body);
  CHECK(holds(rig.hear(caller, "bend"), "\r\n\r\n" + request.body));
  CHECK_EQ(rig.count(Counter::requests_held), 0);
}

TEST("PX-16.3-6 two requests with one branch in one batch: when nothing is left of the first, nobody has admitted the second, and it goes nowhere") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path(), [](EdgeConfig& config) { config.limits.reservations.octets_per_source = 30'000; });
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), phone = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.add(1, edge.port());
  // There is room for the second, but not for the first, of which nothing stays over TCP.
  Request large, small;
  large.transport = small.transport = "TCP";
  large.number = small.number = 9;
  large.body = std::string(40'000, 'x');
  small.body = "in another name";
  phone.send(large.text() + small.text());
  std::string answers = rig.hear(phone, "SIP/2.0 503 ");
  answers += rig.heard(phone);
  CHECK_EQ(count_of(answers, "SIP/2.0 503 "), 2u);
  CHECK_EQ(rig.twins, 1);
  CHECK_EQ(rig.heard(edge), "");
  small.number = 10;
  phone.send(small.text());
  rig.hear(edge, "in another name");
}

TEST("what was answered has a memory of its own: when it is full, the oldest gives way, and all of it ends in time") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path(), [](EdgeConfig& config) { config.limits.max_pending = 16; });
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp));
  rig.add(1, edge.port());
  std::vector<Peer> callers;
  for (int number = 1; number <= 40; ++number) callers.push_back(Peer::udp(rig.port(ShardRig::kCoreUdp)));
  const auto ask = [&](int number) {
    Request request;
    request.number = number;
    callers[static_cast<size_t>(number - 1)].send(request.text());
  };
  for (int number = 1; number <= 40; ++number) {
    ask(number);
    edge.send(answer_to(rig.hear(edge, "MESSAGE sip:"), 200));
    rig.hear(callers[static_cast<size_t>(number - 1)], "SIP/2.0 200 ");
  }
  CHECK_EQ(rig.count(Counter::answers_held), 16);
  CHECK_EQ(rig.count(Counter::answers_forgotten), 24);
  CHECK_EQ(rig.count(Counter::buffer_bytes), 0);
  CHECK(rig.count(Counter::answer_octets_held) > 16 * 100 && rig.count(Counter::answer_octets_held) < 16 * 500);
  ask(40);
  rig.hear(callers[39], "SIP/2.0 200 ");
  CHECK_EQ(rig.heard(edge), "");
  ask(1);
  rig.hear(edge, "MESSAGE sip:");
  rig.pass(40'000);
  rig.pass(40'000);
  CHECK_EQ(rig.count(Counter::buffer_bytes), 0);
  CHECK_EQ(rig.count(Counter::answers_held), 0);
  CHECK_EQ(rig.count(Counter::answer_octets_held), 0);
  CHECK_EQ(rig.count(Counter::requests_held), 0);
}

TEST("of what is remembered of answered calls, refused ones give way first: the 2xx of a call still passes when it is repeated") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path(), [](EdgeConfig& config) { config.limits.max_pending = 16; });
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kCoreUdp));
  rig.add(1, edge.port());
  caller.send(invite(1).text());
  const std::string accepted = rig.hear(edge, "INVITE sip:");
  edge.send(answer_to(accepted, 200));
  rig.hear(caller, "SIP/2.0 200 ");
  for (int number = 2; number <= 100; ++number) {
    caller.send(invite(number).text());
    edge.send(answer_to(rig.hear(edge, "INVITE sip:"), 486));
    const std::string answer = rig.hear(caller, "SIP/2.0 486 ");
    caller.send(follow(invite(number), "ACK", tag_of(answer.substr(answer.find("486 ")))));
    rig.heard(edge);
  }
  CHECK_EQ(rig.count(Counter::copies_held), 64);
  CHECK_EQ(rig.count(Counter::copies_forgotten), 36);
  edge.send(answer_to(accepted, 200));
  rig.hear(caller, "SIP/2.0 200 ");
  rig.pass(40'000);
  rig.pass(40'000);
  CHECK_EQ(rig.count(Counter::copies_held), 0);
  CHECK_EQ(rig.count(Counter::copy_octets_held), 0);
}

TEST("of what is remembered of answered calls, a source has an eighth once half of it is used, and its octets have a bound too") {
  int64_t counters[static_cast<size_t>(Counter::count_)] = {};
  FlowCommons commons(SipKey{5, 6});
  const SetTime time;
  EdgeConfig config;
  config.limits.max_pending = 200;
  Ground ground(config, kRing, counters, time, 1, commons);
  AnswerMemory copies(ground, "test", {4, 512}, {Counter::copies_held, Counter::copy_octets_held, Counter::copies_forgotten});
  const uint16_t greedy = copies.share_of(address("192.0.2.1", 0)), other = copies.share_of(address("192.0.2.2", 0));
  const auto held = [&] { return counters[static_cast<size_t>(Counter::copies_held)]; };
  std::vector<std::pair<uint16_t, uint32_t>> all;  // by their index
  const auto take = [&](uint16_t share, uint32_t octets) {
    if (!copies.take(AnswerMemory::Kind::accepted, {static_cast<uint32_t>(all.size()), 1}, share, octets)) return false;
    all.emplace_back(share, octets);
    copies.make_room([](uint32_t, uint64_t) { return true; }, [&](uint32_t index) { copies.give(all[index].first, all[index].second); });
    return true;
  };
  for (int i = 0; i < 1'000; ++i) take(greedy, 300);
  CHECK_EQ(held(), 401);
  for (int i = 0; i < 101; ++i) CHECK(take(other, 300));
  CHECK(!take(other, 300));
  CHECK(take(0, 300));
  for (int i = 0; i < 100; ++i) take(0, 60'000);
  CHECK(held() <= 7);
  CHECK(counters[static_cast<size_t>(Counter::copy_octets_held)] <= 800 * 512);
}

}  // namespace sluice::proxying_hostile_test
