// The building blocks of relaying: branches, remembered requests, Route sets, responses, and reading our own output.
#include "core/relay/answer.h"
#include "core/relay/loop.h"
#include "core/relay/object_branch.h"
#include "core/relay/own_output.h"
#include "core/relay/pending_table.h"
#include "core/relay/via_branch.h"
#include "core/sip/route_set.h"
#include "flow_tokens.h"
#include "sip_text.h"

namespace sluice::relay_parts_test {
using namespace test;

namespace {

EdgeConfig config_of(uint64_t secret = 1) {
  EdgeConfig config;
  config.boot = 7;
  config.shards = 4;
  config.branch_keys = BranchKeys(SipKey{secret, 2});
  return config;
}

std::string branch_of(const EdgeConfig& config, const ReturnPath& back, const NextHop& next) {
  char text[kMaxBranchText];
  return std::string(text, make_branch(config, back, next, 0x1122334455667788, 42, text));
}

std::string edited(const Scanned& scanned, const EditList& edits) {
  std::string room(65'536, '\0');
  Writer out(room.data(), room.size());
  CHECK(edits.apply(scanned.message.data, scanned.message.head_size, out));
  return std::string(out.text());
}

}  // namespace

TEST("LD-4.2-1 the loop hash covers every octet of every Route, where each begins and ends, and their order") {
  const EdgeConfig config = config_of();
  const auto hash_of = [&](const std::vector<std::string>& routes) {
    std::string lines;
    for (const std::string& route : routes) lines += "Route: <sip:" + route + "@192.0.2.1;lr>\r\n";
    const Scanned scanned("INVITE sip:u@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa\r\n" + lines +
                          "From: <sip:a@example.com>;tag=1\r\nTo: <sip:u@example.com>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n");
    CHECK(scanned.message.error == ScanError::none);
    return loop_hash_of(request_hash(config, scanned.message), scanned.message);
  };
  for (size_t size = 1; size < 80; ++size) {
    const std::string whole(size, 'a');
    const uint32_t as_it_is = hash_of({whole, "other"});
    CHECK_EQ(hash_of({whole, "other"}), as_it_is);
    for (size_t i = 0; i < size; ++i) {
      std::string changed = whole;
      changed[i] = 'b';
      CHECK(hash_of({changed, "other"}) != as_it_is);
    }
    CHECK(hash_of({whole + "a", "other"}) != as_it_is);
    CHECK(hash_of({"other", whole}) != as_it_is);
    CHECK(hash_of({whole}) != as_it_is);
    CHECK(hash_of({}) != as_it_is);
  }
}

TEST("PX-16.6-5 PX-16.6-12 the texts of a listener are made of its name and transport, for each transport that we send over") {
  const std::tuple<Transport, Text, Text> cases[] = {{Transport::udp, "@edge.example:5070;lr", "@edge.example:5070;lr"},
                                                     {Transport::tcp, "@edge.example:5070;transport=tcp;lr", "@edge.example:5070;transport=tcp;lr"},
                                                     {Transport::tls, "@edge.example:5070;transport=tls;lr", "@edge.example:5070;lr"},
                                                     {Transport::ws, "@edge.example:5070;transport=ws;lr", "@edge.example:5070;transport=ws;lr"},
                                                     {Transport::wss, "@edge.example:5070;transport=ws;lr", "@edge.example:5070;transport=ws;lr"}};
  for (const auto& [transport, route_end, sips_route_end] : cases) {
    Listener listener;
    listener.transport = transport;
    listener.write_texts();
    listener.sent_by = "edge.example:5070";
    // Again, as for a copy whose name is another: nothing of the first stays.
    listener.write_texts();
    CHECK_EQ(listener.route_end, route_end);
    CHECK_EQ(listener.sips_route_end, sips_route_end);
    CHECK_EQ(listener.via_start[0], "Via: SIP/2.0/UDP edge.example:5070;rport;branch=");
    CHECK_EQ(listener.via_start[1], "Via: SIP/2.0/TCP edge.example:5070;branch=");
    CHECK_EQ(listener.via_start[4], "Via: SIP/2.0/WSS edge.example:5070;branch=");
  }
}

TEST("PX-16.11-2 a branch says where its response goes, for each kind of return path") {
  const EdgeConfig config = config_of();
  ReturnPath stream;
  stream.shard = 3;
  stream.keeper = 2;
  stream.listener = 5;
  stream.boot = 7;
  stream.slot = 0xABCDEF;
  stream.generation = 0xDEADBEEF;
  stream.marks_outbound = stream.asks_keep = true;
  ReturnPath v4 = stream;
  v4.kind = BackKind::udp_v4;
  v4.from_core = true;
  v4.remote = address("192.0.2.9", 5071);
  ReturnPath v6 = v4;
  v6.kind = BackKind::udp_v6;
  v6.remote = address("2001:db8::9", 5072);
  ReturnPath probe;
  probe.kind = BackKind::probe;
  probe.slot = 63;
  probe.generation = 9;
  NextHop core;
  for (const ReturnPath& back : {stream, v4, v6, probe}) {
    const std::string branch = branch_of(config, back, core);
    CHECK(branch.starts_with("z9hG4bK") && branch.size() <= kMaxBranchText);
    ReturnPath read;
    CHECK(read_branch(config, branch, core, read));
    CHECK(read.kind == back.kind && read.remote == back.remote);
    CHECK_EQ(read.slot, back.kind == BackKind::stream || back.kind == BackKind::probe ? back.slot : 0u);
    CHECK_EQ(read.marks_outbound, back.marks_outbound);
    CHECK_EQ(read.from_core, back.from_core);
    CHECK_EQ(read.keeper, back.keeper);
    CHECK_EQ(loop_hash_in(branch), 42u);
    ReturnPath own;
    CHECK(read_own_branch(branch, own) && own.shard == back.shard);
    for (size_t i = 7; i < branch.size(); ++i) {
      std::string other = branch;
      other[i] = other[i] == 'A' ? 'B' : 'A';
      CHECK(!read_branch(config, other, core, read));
    }
    CHECK(!read_branch(config_of(2), branch, core, read));
    CHECK(!read_branch(config, branch.substr(0, branch.size() - 1), core, read));
  }
}

TEST("TX-12 OB-5.3.1-11 only the hop that was asked can answer") {
  const EdgeConfig config = config_of();
  NextHop connection;
  connection.core = false;
  connection.kind = FlowKind::stream;
  connection.slot = 4;
  connection.generation = 5;
  NextHop datagram = connection;
  datagram.kind = FlowKind::udp;
  datagram.listener = 1;
  datagram.remote = address("192.0.2.9", 5071);
  ReturnPath read;
  for (const NextHop& asked : {connection, datagram}) {
    const std::string branch = branch_of(config, ReturnPath(), asked);
    CHECK(read_branch(config, branch, asked, read));
    NextHop other = asked;
    other.generation = 6;
    other.remote.port = 5072;
    CHECK(!read_branch(config, branch, other, read));
  }
  const std::string to_core = branch_of(config, ReturnPath(), NextHop());
  CHECK(!read_branch(config, to_core, connection, read));
}

TEST("TX-12 a branch of a home proxy's transaction is valid only in its own process, and says who keeps it") {
  EdgeConfig config = config_of();
  config.shard = 3;
  char text[kMaxObjectBranch];
  const std::string branch(text, make_object_branch(config, KeptBy::numbers, 12, 99, text));
  uint8_t keeper = 0;
  KeptBy by = KeptBy::objects;
  CHECK(read_object_branch(config, branch, keeper, by));
  CHECK_EQ(keeper, 3);
  CHECK(by == KeptBy::numbers);
  const std::string other(text, make_object_branch(config, KeptBy::objects, 12, 99, text));
  CHECK(read_object_branch(config, other, keeper, by));
  CHECK(by == KeptBy::objects);
  CHECK_EQ(object_loop_hash(branch), 99u);
  CHECK_EQ(loop_hash_in(branch), 0u);
  EdgeConfig later = config;
  later.boot = 8;
  CHECK(!read_object_branch(later, branch, keeper, by));
  EdgeConfig fewer = config;
  fewer.shards = 3;
  CHECK(!read_object_branch(fewer, branch, keeper, by));
  CHECK(!read_object_branch(config, branch_of(config, ReturnPath(), NextHop()), keeper, by));
  CHECK(!read_object_branch(config, "z9hG4bKabc", keeper, by));
}

TEST("the keys of branches, hashes and marks are derived, and all different") {
  const BranchKeys keys(SipKey{1, 2});
  const SipKey all[] = {keys.via, keys.object, keys.request, keys.target, keys.neighbour, keys.answer, SipKey{1, 2}};
  for (size_t i = 0; i < std::size(all); ++i)
    for (size_t j = 0; j < i; ++j) CHECK(all[i].k0 != all[j].k0 && all[i].k1 != all[j].k1);
  CHECK(BranchKeys(SipKey{1, 2}).via.k0 == keys.via.k0);
  CHECK(BranchKeys(SipKey{1, 3}).via.k0 != keys.via.k0);
}

TEST("remembered requests are found by key, and each flow lists its own") {
  PendingTable table(SipKey{1, 2}, 2000);
  uint32_t head = 0;
  std::vector<uint32_t> all;
  for (uint64_t key = 1; key <= 2000; ++key) {
    all.push_back(table.open(key));
    table.wait_on(all.back(), 9, &head);
  }
  CHECK_EQ(table.open(2001), 0u);
  for (uint64_t key = 1; key <= 2000; ++key) CHECK_EQ(table.find(key), all[key - 1]);
  for (size_t i = 0; i < all.size(); i += 2) table.close(all[i], &head);
  size_t left = 0;
  for (uint32_t i = head; i != 0; i = table.at(i).flow_next) ++left;
  CHECK_EQ(left, 1000u);
  table.leave(all[1], &head);
  CHECK_EQ(table.at(all[1]).flow, 0u);
  CHECK_EQ(table.size(), 1000u);
  size_t seen = 0;
  table.each([&](Pending&) { ++seen; });
  CHECK_EQ(seen, 1000u);
  CHECK_EQ(table.find(1), 0u);
}

TEST("TX-9 PX-16.10-1 an ACK belongs to its INVITE, a CANCEL is a transaction of its own") {
  const PendingTable table(SipKey{1, 2}, 1);
  CHECK_EQ(table.key_of("b", Method::ack), table.key_of("b", Method::invite));
  CHECK(table.key_of("b", Method::cancel) != table.key_of("b", Method::invite));
  CHECK(table.key_of("c", Method::invite) != table.key_of("b", Method::invite));
}

TEST("PX-16.4-4 Route values are cut within and across lines") {
  const Scanned scanned(Parts{.extra = "Route: <sip:a;lr>, <sip:b;lr>\r\nRoute: <sip:c;lr>"});
  const std::pair<size_t, std::string> cases[] = {{1, "Route: <sip:b;lr>\r\nRoute: <sip:c;lr>\r\n"}, {2, "Route: <sip:c;lr>\r\n"}, {3, ""}};
  for (const auto& [count, wanted] : cases) {
    EditList edits;
    cut_values(scanned.message, HeaderId::route, count, edits);
    const std::string out = edited(scanned, edits);
    CHECK_EQ(out.find("Route:") == std::string::npos ? "" : out.substr(out.find("Route:"), wanted.size()), wanted);
  }
  // All of them: every line.
  EditList all;
  cut_lines(scanned.message, HeaderId::route, all);
  EditList values;
  cut_values(scanned.message, HeaderId::route, 3, values);
  CHECK_EQ(edited(scanned, all), edited(scanned, values));
  CHECK_EQ(nth_value(scanned.message, HeaderId::route, 2), "<sip:c;lr>");
  CHECK(nth_value(scanned.message, HeaderId::route, 3).empty());
}

TEST("PX-16.6-8 PX-16.4-1 a strict next hop becomes the Request-URI, and the work of a strict router is undone") {
  const Scanned to(Parts{.extra = "Route: <sip:own;lr>, <sip:strict>, <sip:last;lr>"});
  char room[512];
  Writer text(room, sizeof room);
  EditList apply;
  apply_strict_route(to.message, 1, "sip:strict", text, apply);
  const std::string sent = edited(to, apply);
  CHECK(sent.starts_with("OPTIONS sip:strict SIP/2.0\r\n"));
  CHECK(sent.find("Route: <sip:last;lr>\r\nRoute: <sip:bob@example.net>\r\n") != std::string::npos);
  for (const std::string route : {"Route: <sip:mid;lr>, <sip:real@example.org>", "Route: <sip:mid;lr>\r\nRoute: <sip:real@example.org>"}) {
    const Scanned from(Parts{.extra = route});
    EditList undo;
    CHECK(undo_strict_route(from.message, 0, undo));
    const std::string out = edited(from, undo);
    CHECK(out.starts_with("OPTIONS sip:real@example.org SIP/2.0\r\n"));
    CHECK(out.find("Route: <sip:mid;lr>\r\n") != std::string::npos);
    CHECK(out.find("real@example.org>") == std::string::npos);
  }
  const Scanned none(Parts{.extra = "Route: <sip:mid;lr>"});
  EditList nothing;
  CHECK(!undo_strict_route(none.message, 1, nothing));
}

TEST("a response copies what RFC 3261 8.2.6 demands, and only what is well formed") {
  Source source;
  source.remote = address("198.51.100.4", 40'000);
  const Scanned request(Parts{.extra = "Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKlower"});
  Answer answer;
  answer.status = 404;
  answer.to_tag = "tag";
  answer.extra_headers = "X-Why: so\r\n";
  answer.source = &source;
  char room[4096];
  Writer out(room, sizeof room);
  CHECK(write_answer(request.message, answer, out));
  const std::string text(out.text());
  CHECK(text.starts_with("SIP/2.0 404 Not Found\r\nVia: SIP/2.0/TCP 192.0.2.9:5070;branch=z9hG4bKtest1;rport=40000;received=198.51.100.4\r\n"));
  for (const char* part : {"Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKlower\r\n", "To: <sip:bob@example.net>;tag=tag\r\n", "CSeq: 7 OPTIONS\r\n", "X-Why: so\r\n"})
    CHECK(text.find(part) != std::string::npos);
  answer.source = nullptr;
  Writer own(room, sizeof room);
  CHECK(write_answer(request.message, answer, own));
  CHECK(own.text().find("z9hG4bKtest1") == Text::npos);  // our own Via is gone
  Writer small(room, 100);
  CHECK(!write_answer(request.message, answer, small));
  const Scanned no_via(Parts{.via = "-"});
  Writer none(room, sizeof room);
  CHECK(!write_answer(no_via.message, answer, none));
  for (int status = 100; status < 700; ++status) CHECK(!reason_of(status).empty());
}

TEST("our own output is read with its own limits, and the end of an unusable message is still known") {
  std::string vias;
  for (int i = 0; i < 100; ++i) vias += "Via: SIP/2.0/UDP 192.0.2." + std::to_string(i) + ";branch=z9hG4bKv\r\n";
  const std::string text = Parts{.extra = vias.substr(0, vias.size() - 2)}.text();
  Message message;
  CHECK(scan_text(text, message) == ScanError::too_many_vias);
  CHECK(scan_own_output(text, message));
  CHECK_EQ(message.via_count, 101);
  const std::string wrong = Parts{.cseq = "CSeq: 7 INVITE"}.text();
  CHECK(!scan_own_output(wrong, message));
  CHECK(message.is_framed);
  CHECK_EQ(message.size, wrong.size());
  CHECK(!scan_own_output("no head", message));
  CHECK(!message.is_framed);
}

}  // namespace sluice::relay_parts_test
