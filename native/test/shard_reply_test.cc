// Responses that the shard generates itself, and the facts that the policy decides by.
#include <algorithm>
#include <ctime>
#include <tuple>

#include "core/shard/clock.h"
#include "shard_rig.h"

namespace sluice::shard_reply_test {
using namespace test;

namespace {

void act(int32_t* verdict, Action action) { verdict[kVerdict_action] = static_cast<int32_t>(action); }

// Answers every request with this status.
void reply_all(ShardRig& rig, int status, int retry_after = 0) {
  rig.policy = [=](unsigned, const int32_t* record, int32_t* verdict) {
    if (record[kRecord_is_response]) return false;
    act(verdict, Action::reply);
    verdict[kVerdict_status] = status;
    verdict[kVerdict_retry_after] = retry_after;
    return true;
  };
}

// Records what the policy sees of requests, and drops them.
struct Seen {
  explicit Seen(ShardRig& rig) {
    rig.policy = [this](unsigned, const int32_t* record, int32_t*) {
      records.emplace_back(record, record + k_record_fields);
      return true;
    };
  }
  std::vector<std::vector<int32_t>> records;
};

std::vector<int32_t> facts_of(ShardRig& rig, const Peer& from, const Request& request) {
  Seen seen(rig);
  from.send(request.text());
  CHECK(rig.until([&] { return !seen.records.empty(); }));
  rig.policy = nullptr;
  return seen.records.at(0);
}

bool has(const std::vector<int32_t>& record, size_t field, uint32_t bits) { return (static_cast<uint32_t>(record[field]) & bits) == bits; }

std::string ack_for(const std::string& invite, const std::string& answer) {
  std::string ack = invite;
  ack.replace(0, 6, "ACK");
  ack.replace(ack.find("CSeq: 1 INVITE"), 14, "CSeq: 1 ACK");
  ack.replace(ack.find("To: "), ack.find("\r\n", ack.find("To: ")) - ack.find("To: "), "To: " + value_of(answer, "To"));
  return ack;
}

}  // namespace

TEST("OB-5.3.1-7 the ACK to our own response ends here, also within a dialog, and no other ACK does") {
  ShardRig rig;
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  for (const bool in_dialog : {false, true}) {
    reply_all(rig, 404);
    std::string invite = Request{.method = "INVITE", .number = in_dialog ? 1 : 2}.text();
    if (in_dialog) invite.insert(invite.find("To: <sip:bob@example.com>") + 25, ";tag=theirs");
    client.send(invite);
    const std::string answer = rig.hear(client, "SIP/2.0 404");
    Seen seen(rig);
    client.send(ack_for(invite, answer));
    rig.turn();
    CHECK(seen.records.empty());
    std::string other = ack_for(invite, answer);
    other.replace(other.find("branch=z9hG4bKx"), 15, "branch=z9hG4bKy");
    client.send(other);
    CHECK(rig.until([&] { return seen.records.size() == 1; }));
    // Within a dialog it is remembered for as long as the INVITE may be retransmitted.
    rig.pass(33'000);
    client.send(ack_for(invite, answer));
    rig.turn();
    CHECK_EQ(seen.records.size(), in_dialog ? 2u : 1u);
  }
  CHECK_EQ(rig.count(Counter::absorbed), 3);
}

TEST("PX-16.3-9 a 420 lists what is not supported, a 503 says when to come back, a 200 to OPTIONS says what is supported") {
  ShardRig rig;
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  reply_all(rig, 420);
  client.send(Request{.lines = "Proxy-Require: a, b\r\nProxy-Require: c\r\n"}.text());
  CHECK(holds(rig.hear(client, "SIP/2.0 420"), "Unsupported: a, b\r\nUnsupported: c\r\n"));
  reply_all(rig, 503, 10);
  std::vector<int> waits;
  for (int i = 0; i < 20; ++i) {
    client.send(Request{.number = i}.text());
    waits.push_back(std::stoi(value_of(rig.hear(client, "SIP/2.0 503"), "Retry-After")));
  }
  CHECK(*std::min_element(waits.begin(), waits.end()) >= 10 && *std::max_element(waits.begin(), waits.end()) <= 20);
  CHECK(*std::min_element(waits.begin(), waits.end()) != *std::max_element(waits.begin(), waits.end()));
  reply_all(rig, 200);
  client.send(Request{.method = "OPTIONS"}.text());
  CHECK(holds(rig.hear(client, "SIP/2.0 200"), "Supported: path, outbound\r\n"));
  reply_all(rig, 403);
  client.send(Request().text());
  rig.hear(client, "SIP/2.0 403");
  CHECK_EQ(rig.count(Counter::replies_403), 1);
  CHECK_EQ(rig.count(Counter::replies_503), 20);
}

TEST("a custom reply has the operator's phrase and header lines; one that is too long has neither") {
  ShardRig rig;
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  std::string lines = "X-Why: so\r\n";
  rig.policy = [&](unsigned i, const int32_t*, int32_t* verdict) {
    act(verdict, Action::reply);
    const std::string reason = "Not Today";
    rig->turn().add_custom_reply({static_cast<int>(i), 603, {reason.begin(), reason.end()}, {lines.begin(), lines.end()}});
    return true;
  };
  client.send(Request().text());
  const std::string answer = rig.hear(client, "SIP/2.0 603");
  CHECK(answer.starts_with("SIP/2.0 603 Not Today\r\n") && holds(answer, "X-Why: so\r\n"));
  lines = "X-Why: " + std::string(2000, 's') + "\r\n";
  client.send(Request{.number = 2}.text());
  CHECK(!holds(rig.hear(client, "SIP/2.0 603"), "X-Why"));
}

TEST("a verdict that does not fit the message drops it") {
  ShardRig rig;
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  unsigned seen = 0;
  for (const Action action : {Action::relay_response, Action::drop}) {
    rig.policy = [&](unsigned, const int32_t*, int32_t* verdict) {
      act(verdict, action);
      ++seen;
      return true;
    };
    client.send(Request().text());
    const unsigned before = seen;
    CHECK(rig.until([&] { return seen > before; }));
  }
  CHECK_EQ(client.drain(), "");
  CHECK_EQ(rig.count(Counter::dropped), 1);
}

TEST("OB-11-3 430 is for the core; a client gets 480") {
  ShardRig rig;
  reply_all(rig, 430);
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  client.send(Request().text());
  rig.hear(client, "SIP/2.0 480");
  const Peer core = Peer::udp(rig.port(ShardRig::kCoreUdp));
  core.send(Request().text());
  rig.hear(core, "SIP/2.0 430");
}

TEST("OB-5.1-9 facts: Contact, option tags, and header fields that only the core may set") {
  ShardRig rig;
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  const auto contact = [&](const std::string& value) { return facts_of(rig, client, Request{.method = "REGISTER", .lines = "Contact: " + value + "\r\n"}); };
  CHECK(has(contact("<sip:a@h;ob>;reg-id=1;+sip.instance=\"<urn:x>\""), kRecord_contact, kContact_ob | kContact_reg_id | kContact_instance));
  CHECK(has(contact("<sip:a@h;gr=x>"), kRecord_contact, kContact_gruu));
  CHECK(has(contact("*"), kRecord_contact, kContact_star));
  CHECK_EQ(contact("<sip:a@h>, <sip:b@h>\r\nContact: sip:c@h")[kRecord_contact_count], 3);
  for (const char* bad : {"<sip:a@h", "<sip:a@h>,", "<sip:a@h>, x y z, <sip:b@h>", "<>"}) CHECK(has(contact(bad), kRecord_contact, kContact_bad));
  const std::vector<int32_t> options =
      facts_of(rig, client, Request{.method = "REGISTER", .lines = "Supported: path, OUTBOUND\r\nRequire: outbound\r\nProxy-Require: x\r\nContact: <sip:a@h>\r\n"});
  CHECK(has(options, kRecord_options, kOption_supported_outbound | kOption_supported_path | kOption_require_outbound | kOption_proxy_require));
  const std::vector<int32_t> headers =
      facts_of(rig, client, Request{.lines = "Path: <sip:p;lr>\r\nService-Route: <sip:s;lr>\r\nP-Asserted-Identity: <sip:a@h>\r\nFlow-Timer: 5\r\n"});
  CHECK(has(headers, kRecord_headers, kHeader_path | kHeader_service_route | kHeader_asserted_identity | kHeader_flow_timer));
}

TEST("DET-16 facts: where Route and Request-URI lead: to us, an upstream, a trusted address or elsewhere") {
  ShardRig rig([](EdgeConfig& config) {
    config.names = {"edge.example.org"};
    config.trusted = {TrustedNet{address("192.0.2.0", 0), 120}, TrustedNet{address("198.51.100.8", 5070), 125}};
  });
  const Peer upstream = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, upstream.port()}});
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  const std::string own = "127.0.0.1:" + std::to_string(rig.port(ShardRig::kClientUdp)), target = "127.0.0.1:" + std::to_string(upstream.port());
  const auto hop_of = [&](const std::string& uri) { return static_cast<Hop>(facts_of(rig, client, Request{.uri = uri})[kRecord_uri_hop]); };
  const std::pair<std::string, Hop> cases[] = {
      {"sip:" + own, Hop::own},
      {"sip:edge.example.org:1234", Hop::own},
      {"sip:" + own + ";maddr=192.0.2.7", Hop::trusted},
      {"sip:somewhere.example;maddr=127.0.0.1:1", Hop::foreign},
      {"sip:" + target, Hop::upstream},
      {"sip:bob@" + target + ";transport=tcp", Hop::upstream},
      {"sip:192.0.2.7;transport=tls", Hop::trusted},
      {"sips:bob@192.0.2.7", Hop::trusted},
      {"sip:198.51.100.9:5070", Hop::trusted},
      {"sip:198.51.100.9:5071", Hop::foreign},
      {"sip:198.51.100.16:5070", Hop::foreign},
      {"sip:192.0.2.7:0", Hop::foreign},
      {"sip:203.0.113.1", Hop::foreign},
      {"sip:nowhere.example", Hop::foreign},
      {"tel:+1", Hop::foreign},
  };
  for (const auto& [uri, hop] : cases) CHECK_EQ(static_cast<int>(hop_of(uri)), static_cast<int>(hop));
  const std::vector<int32_t> routed = facts_of(rig, client, Request{.lines = "Route: <sip:" + own + ";lr>, <sip:" + target + ";lr>\r\n"});
  CHECK_EQ(routed[kRecord_own_routes], 1);
  CHECK_EQ(routed[kRecord_next_route], static_cast<int32_t>(Hop::upstream));
  CHECK_EQ(routed[kRecord_next_route_target], 0);
  std::string many;
  for (size_t i = 0; i <= k_max_own_routes; ++i) many += "Route: <sip:" + own + ";lr>\r\n";
  CHECK_EQ(facts_of(rig, client, Request{.lines = many})[kRecord_next_route], static_cast<int32_t>(Hop::own));
  CHECK_EQ(facts_of(rig, client, Request{.lines = "Route: <tel:+1>\r\n"})[kRecord_next_route], static_cast<int32_t>(Hop::foreign));
}

TEST("DET-16 facts: a Request-URI leads to the upstream at its host or maddr, over the transport it names or else UDP, TCP or TLS") {
  ShardRig rig([](EdgeConfig& config) {
    config.names = {"edge.example.org"};
    config.trusted = {TrustedNet{address("192.0.2.0", 0), 120}};
  });
  const uint16_t all = Peer::reserved(SOCK_DGRAM).port(), stream = Peer::reserved(SOCK_STREAM).port(), secure = Peer::reserved(SOCK_STREAM).port();
  rig.upstreams({{Transport::tls, all}, {Transport::tcp, all}, {Transport::udp, all}, {Transport::tls, stream}, {Transport::tcp, stream}, {Transport::tls, secure}});
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  const auto at = [](const std::string& host, uint16_t port) { return "sip:" + host + ":" + std::to_string(port); };
  const uint16_t mine = rig.port(ShardRig::kClientUdp);
  constexpr int kNone = -1;
  const std::tuple<std::string, Hop, int> cases[] = {
      {at("127.0.0.1", all), Hop::upstream, 2},
      {at("127.0.0.1", all) + ";transport=udp", Hop::upstream, 2},
      {at("127.0.0.1", all) + ";transport=tcp", Hop::upstream, 1},
      {at("127.0.0.1", all) + ";TRANSPORT=TLS", Hop::upstream, 0},
      {at("127.0.0.1", all) + ";lr;transport=tls;ob", Hop::upstream, 0},
      {at("127.0.0.1", all) + ";transport=sctp", Hop::upstream, 2},
      {at("127.0.0.1", all) + ";transport", Hop::upstream, 2},
      {at("127.0.0.1", all) + ";x=transport;transport=tls", Hop::upstream, 0},
      {at("127.0.0.1", all) + ";xtransport=tcp", Hop::upstream, 2},
      {"sips:127.0.0.1:" + std::to_string(all) + ";transport=tcp", Hop::upstream, 0},
      {at("127.0.0.1", stream), Hop::upstream, 4},
      {at("127.0.0.1", stream) + ";transport=tls", Hop::upstream, 3},
      {at("127.0.0.1", secure) + ";transport=udp", Hop::upstream, 5},
      // maddr beside a host of ours: ours, a name, an upstream, a trusted address, somebody else's.
      {at("127.0.0.1", mine) + ";maddr=127.0.0.1", Hop::own, kNone},
      {at("edge.example.org", mine) + ";maddr=EDGE.example.org", Hop::own, kNone},
      {at("edge.example.org", mine) + ";maddr=nowhere.example", Hop::foreign, kNone},
      {at("edge.example.org", all) + ";maddr=127.0.0.1", Hop::upstream, 2},
      {at("edge.example.org", stream) + ";transport=tls;maddr=127.0.0.1", Hop::upstream, 3},
      {at("127.0.0.1", mine) + ";maddr=192.0.2.7", Hop::trusted, kNone},
      {at("127.0.0.1", mine) + ";maddr=203.0.113.1", Hop::foreign, kNone},
      // maddr beside the host of somebody else, an address or a name.
      {at("203.0.113.1", mine) + ";maddr=127.0.0.1", Hop::own, kNone},
      {at("somewhere.example", mine) + ";maddr=edge.example.org", Hop::own, kNone},
      {at("203.0.113.1", all) + ";maddr=127.0.0.1;transport=tcp", Hop::upstream, 1},
      {at("somewhere.example", all) + ";maddr=127.0.0.1", Hop::upstream, 2},
      {at("192.0.2.7", 5060) + ";maddr=203.0.113.1", Hop::foreign, kNone},
      {at("192.0.2.7", 5060) + ";maddr=nowhere.example", Hop::foreign, kNone},
      {at("nowhere.example", 5060) + ";maddr=192.0.2.8", Hop::trusted, kNone},
      {at("203.0.113.1", 5060) + ";maddr=192.0.2.8", Hop::trusted, kNone},
      {at("192.0.2.7", 5060) + ";maddr=0.0.0.0", Hop::foreign, kNone},
  };
  for (const auto& [uri, hop, target] : cases) {
    const std::vector<int32_t> facts = facts_of(rig, client, Request{.uri = uri});
    const std::string found = uri + " leads to " + std::to_string(facts[kRecord_uri_hop]) + " " + std::to_string(facts[kRecord_uri_target]);
    CHECK_EQ(found, uri + " leads to " + std::to_string(static_cast<int>(hop)) + " " + std::to_string(target));
  }
}

TEST("PX-16.4-1 PX-16.4-2 facts: a strict router has put our token into the Request-URI") {
  ShardRig rig;
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  const Peer core = Peer::udp(rig.port(ShardRig::kCoreUdp));
  const std::string route = rig.route_to(rig.flow(FlowKind::stream));
  const std::string uri = route.substr(8, route.find('>') - 8);
  const std::vector<int32_t> facts = facts_of(rig, core, Request{.lines = "Route: <sip:bob@192.0.2.7>\r\n", .uri = uri});
  CHECK(has(facts, kRecord_headers, kHeader_strict_uri));
  CHECK_EQ(facts[kRecord_own_routes], 1);
  CHECK_EQ(facts[kRecord_route_0] & 15, static_cast<int32_t>(RouteKind::alive));
  CHECK_EQ(facts[kRecord_next_route], static_cast<int32_t>(Hop::none));
  core.send(Request{.number = 2, .lines = "Route: <sip:bob@192.0.2.7>\r\n", .uri = uri}.text());
  CHECK(rig.hear(client, "MESSAGE sip:").starts_with("MESSAGE sip:bob@192.0.2.7 SIP/2.0\r\n"));
}

TEST("OB-5.2-1 D4 facts: unsigned tokens, tokens signed with another key, and tokens of an earlier run are recognised") {
  ShardRig rig;
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  const FlowHandle flow = rig.flow(FlowKind::stream);
  const Peer core = Peer::udp(rig.port(ShardRig::kCoreUdp));
  FlowName name;
  name.boot = 7;
  name.slot = flow.slot;
  name.generation = flow.generation;
  const auto kind_of = [&](const std::string& user) {
    const std::string route = "Route: <sip:" + user + "@127.0.0.1:" + std::to_string(rig.port(ShardRig::kCoreUdp)) + ";lr>\r\n";
    return facts_of(rig, core, Request{.lines = route})[kRecord_route_0] & 15;
  };
  CHECK_EQ(kind_of(token(name)), static_cast<int32_t>(RouteKind::alive));
  CHECK_EQ(kind_of(token(name, ring_of({{5, kOtherSecret}}))), static_cast<int32_t>(RouteKind::forged));
  CHECK_EQ(kind_of(token(name, ring_of({{6, kOtherSecret}}))), static_cast<int32_t>(RouteKind::unknown_key));
  CHECK_EQ(kind_of("alice"), static_cast<int32_t>(RouteKind::plain));
  FlowName old = name;
  old.boot = 6;
  CHECK_EQ(kind_of(token(old)), static_cast<int32_t>(RouteKind::gone));
  FlowName datagrams;
  datagrams.kind = FlowKind::udp;
  datagrams.remote = address("127.0.0.1", 4000);
  datagrams.local = rig->config().listeners[ShardRig::kClientUdp].bound;
  datagrams.birth = birth_at(rig.time.unix_seconds());
  CHECK_EQ(kind_of(token(datagrams)), static_cast<int32_t>(RouteKind::alive));
  datagrams.birth = birth_at(rig.time.unix_seconds() - 31 * 86'400);
  CHECK_EQ(kind_of(token(datagrams)), static_cast<int32_t>(RouteKind::gone));
  datagrams.local.port += 1;
  CHECK_EQ(kind_of(token(datagrams)), static_cast<int32_t>(RouteKind::gone));
  CHECK_EQ(rig.count(Counter::tokens_forged), 1);
  CHECK_EQ(rig.count(Counter::tokens_gone), 3);
}

TEST("LD-4.2-1 a request that comes back as it left is a loop, a changed one is not") {
  ShardRig rig;
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  client.send(Request().text());
  std::string request = rig.hear(core, "MESSAGE sip:");
  const auto looped = [&](const std::string& text) {
    Seen seen(rig);
    core.send_to(rig.port(ShardRig::kCoreUdp), text);
    CHECK(rig.until([&] { return !seen.records.empty(); }));
    return seen.records.at(0)[kRecord_looped];
  };
  CHECK_EQ(looped(request), 1);
  request.replace(0, 12, "MESSAGE sip:x");
  CHECK_EQ(looped(request), 0);
}

TEST("PX-16.6-3 LD-5-1 KP-1 a relayed request: hop limits, headers that a client may not set, and negotiated keep-alives") {
  ShardRig rig;
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  rig.policy = [](unsigned, const int32_t* record, int32_t* verdict) {
    if (record[kRecord_is_response]) return false;
    act(verdict, Action::relay_upstream);
    verdict[kVerdict_edits] = static_cast<int32_t>(kEdit_strip_client | kEdit_strip_path | kEdit_keep | kEdit_bare_record_route);
    return true;
  };
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  std::string text = Request{.lines = "Max-Breadth: 9999\r\nService-Route: <sip:s;lr>\r\nFlow-Timer: 1\r\nPath: <sip:p;lr>\r\n"}.text();
  text.replace(text.find(";rport"), 6, ";rport;keep");
  text.replace(text.find("Max-Forwards: 70"), 16, "Max-Forwards: 200");
  client.send(text);
  const std::string request = rig.hear(core, "MESSAGE sip:");
  CHECK_EQ(value_of(request, "Max-Breadth"), "60");
  CHECK_EQ(value_of(request, "Max-Forwards"), "70");
  for (const char* gone : {"Service-Route", "Flow-Timer", "Path:"}) CHECK(!holds(request, gone));
  CHECK(holds(request, ";keep=30"));
  // Bare Record-Routes: the Contact is a GRUU and says where it leads.
  CHECK_EQ(count_of(request, "Record-Route: <sip:127.0.0.1:"), 2u);
  text = Request{.number = 2, .lines = "Max-Breadth: 7\r\n"}.text();
  text.erase(text.find("Max-Forwards: 70\r\n"), 18);
  client.send(text);
  const std::string second = rig.hear(core, "Call-ID: c2");
  CHECK(value_of(second, "Max-Breadth") == "7" && value_of(second, "Max-Forwards") == "70");
}

TEST("PX-16.6-8 a request for a trusted address goes there, and a strict router gets its Request-URI") {
  ShardRig rig([](EdgeConfig& config) { config.trusted = {TrustedNet{address("127.0.0.1", 0), 128}}; });
  const Peer core = Peer::udp(rig.port(ShardRig::kCoreUdp));
  const Peer neighbour = Peer::bound(SOCK_DGRAM);
  const Peer stream = Peer::listening();
  rig.policy = [](unsigned, const int32_t* record, int32_t* verdict) {
    if (record[kRecord_is_response]) return false;
    act(verdict, Action::relay_to_hop);
    return true;
  };
  core.send(Request{.lines = "Route: <sip:127.0.0.1:" + std::to_string(neighbour.port()) + ">\r\n"}.text());
  const std::string strict = rig.hear(neighbour, "MESSAGE sip:127.0.0.1:");
  CHECK(holds(strict, "Route: <sip:bob@example.com>\r\n"));
  core.send(Request{.number = 2, .uri = "sip:bob@127.0.0.1:" + std::to_string(stream.port()) + ";transport=tcp"}.text());
  rig.turn();
  const Peer connection = rig.accept(stream);
  rig.hear(connection, "MESSAGE sip:bob@127.0.0.1:");
}

TEST("OB-11-3 PX-16.7-1 a response: 430 becomes 480 for a client, a Flow-Timer is removed, and one with only our Via goes nowhere") {
  ShardRig rig;
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  client.send(Request{.transport = "TCP"}.text());
  const std::string request = rig.hear(core, "MESSAGE sip:");
  rig.policy = [](unsigned, const int32_t* record, int32_t* verdict) {
    CHECK_EQ(record[kRecord_flow_timer], 99);
    act(verdict, Action::relay_response);
    verdict[kVerdict_edits] = static_cast<int32_t>(kEdit_as_480 | kEdit_strip_flow_timer);
    return true;
  };
  std::string answer = answer_to(request, 430, "Flow-Timer: 99\r\n");
  answer.erase(answer.find("Content-Length: 0\r\n"), 19);
  core.send_to(rig.port(ShardRig::kCoreUdp), answer);
  const std::string got = rig.hear(client, "SIP/2.0");
  CHECK(got.starts_with("SIP/2.0 480 Temporarily Unavailable\r\n"));
  CHECK(!holds(got, "Flow-Timer") && holds(got, "Content-Length: 0\r\n"));
  std::string alone = answer_to(request, 200, "Flow-Timer: 99\r\n");
  const size_t second = alone.find("\r\nVia: ", alone.find("\r\nVia: ") + 1);
  alone.erase(second, alone.find("\r\n", second + 2) - second);
  core.send_to(rig.port(ShardRig::kCoreUdp), alone);
  rig.turn();
  CHECK_EQ(client.drain(), "");
  CHECK_EQ(rig.count(Counter::unsolicited_responses), 1);
}

TEST("the machine's clock advances") {
  Clock clock(system_time());
  clock.read();
  const uint32_t tick = clock.tick();
  usleep(2 * Clock::kTickMs * 1000);
  clock.read();
  CHECK(clock.tick() > tick);
  CHECK(birth_age(clock.birth(), birth_at(static_cast<uint64_t>(time(nullptr)))) <= 2 * kBirthSeconds);
}

}  // namespace sluice::shard_reply_test
