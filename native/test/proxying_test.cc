// Requests that are proxied by numbers, in a shard over sockets: which ones, what both ends see, and what is left of the bindings.
#include "proxy_rig.h"

namespace sluice::proxying_test {
using namespace test;

TEST("PX-16.6-1 a request to one device: its copy has our Via, the Path as Route and a hop less; the response loses our Via") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.add(1, edge.port());
  Request request;
  request.lines = "P-Asserted-Identity: <sip:king@example.com>\r\nX-Own: 1\r\n";
  request.body = "hello";
  caller.send(request.text());
  const std::string copy = rig.hear(edge, "hello");
  const std::string via = value_of(copy, "Via");
  CHECK_EQ(copy, "MESSAGE sip:bob@192.0.2.1 SIP/2.0\r\nVia: " + via + "\r\nRoute: <sip:t1@127.0.0.1:" + std::to_string(edge.port()) +
                     ";lr;ob>\r\nMax-Forwards: 69\r\nMax-Breadth: 60\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKx1v0;rport=" + std::to_string(caller.port()) +
                     ";received=127.0.0.1\r\nX-Own: 1\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: c1\r\nCSeq: 1 MESSAGE\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(holds(via, "SIP/2.0/UDP 127.0.0.1:" + std::to_string(rig.port(ShardRig::kCoreUdp)) + ";rport;branch=z9hG4bK"));
  edge.send(answer_to(copy, 202));
  const std::string answer = rig.hear(caller, "\r\n\r\n");
  CHECK(holds(answer, "SIP/2.0 202 Whatever\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKx1v0"));
  CHECK_EQ(count_of(answer, "Via:"), 1u);
  CHECK_EQ(rig.count(Counter::requests_by_numbers), 1);
  CHECK_EQ(rig.count(Counter::requests_held), 0);
  // TX-8: a retransmission gets the same response and goes no further.
  caller.send(request.text());
  CHECK_EQ(rig.hear(caller, "\r\n\r\n"), answer);
  CHECK_EQ(rig.heard(edge), "");
  rig.pass(40'000);
  CHECK_EQ(rig.count(Counter::buffer_bytes), 0);
}

TEST("which requests take the object path: a GRUU, SIPS, a Path, no binding, a Contact with a name, a faulty or second header") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  int number = 0;
  const auto state_of = [&](Request request) {
    rig.states.clear();
    request.number = ++number;
    caller.send(request.text());
    rig.until([&] { return !rig.states.empty(); });
    return rig.states.at(0);
  };
  CHECK(state_of(Request()) == RequestState::unread);
  rig.add(1, edge.port());
  CHECK(state_of(Request()) == RequestState::open);
  rig.add(2, edge.port());
  CHECK(state_of(Request()) == RequestState::open);
  for (const char* uri : {"sip:bob@example.com;gr=urn:x:y", "sips:bob@example.com", "sip:b%6Fb@example.com", "sip:bob@example.net", "sip:example.com"}) {
    Request request;
    request.uri = uri;
    CHECK(state_of(request) == RequestState::unread);
  }
  for (const char* lines : {"Path: <sip:a@b;lr>\r\n", "Contact: <>\r\n", "Record-Route: <nothing\r\n", "Expires: 1\r\nExpires: 1\r\n", "Max-Breadth: 0\r\n", "Route: <sip:192.0.2.77;lr>\r\n"}) {
    Request request;
    request.lines = lines;
    CHECK(state_of(request) == RequestState::unread);
  }
  rig.add(3, edge.port(), "urn:uuid:00000000-0000-1000-8000-00000000000b");
  CHECK(state_of(Request()) == RequestState::open);
  rig.add_named();
  CHECK(state_of(Request()) == RequestState::unread);
  CHECK_EQ(rig.bindings(), 4u);
}

TEST("OB-7-20 430 removes the binding and goes on to the other flow; the caller never sees it") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  const Peer first = Peer::udp(rig.port(ShardRig::kCoreUdp)), second = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.add(1, second.port());
  rig.add(2, first.port());
  caller.send(invite().text());
  CHECK(holds(rig.hear(caller, "\r\n\r\n"), "SIP/2.0 100 Trying"));
  std::string copy = rig.hear(first, "INVITE");
  first.send(answer_to(copy, 430));
  CHECK(holds(rig.hear(first, "\r\n\r\n"), "ACK sip:bob@192.0.2.1 SIP/2.0\r\nVia: " + value_of(copy, "Via") + "\r\nRoute: <sip:t2@"));
  CHECK_EQ(rig.bindings(), 1u);
  copy = rig.hear(second, "INVITE");
  second.send(answer_to(copy, 430));
  const std::string answer = rig.hear(caller, "480 ");
  CHECK_EQ(rig.bindings(), 0u);
  // It is repeated until the ACK comes.
  rig.pass(600);
  CHECK(holds(rig.hear(caller, "480 "), value_of(answer, "To")));
  const std::string to = value_of(answer, "To");
  caller.send(follow(invite(), "ACK", to.substr(to.find("tag=") + 4)));
  rig.turn();
  rig.pass(5'000);
  CHECK_EQ(caller.drain(), "");
  CHECK_EQ(rig.count(Counter::requests_held), 0);
}

TEST("OB-7-19 a silent flow: the other one is tried after a moment, and the silent one last in the next call; a late 200 still passes") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  const Peer silent = Peer::udp(rig.port(ShardRig::kCoreUdp)), other = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.add(1, other.port());
  rig.add(2, silent.port());
  caller.send(invite().text());
  const std::string asleep = rig.hear(silent, "INVITE");
  rig.pass(kSilenceMs + 100);
  const std::string copy = first_of(rig.hear(other, "INVITE"));
  other.send(answer_to(copy, 180));
  CHECK(holds(rig.hear(caller, "180 "), "SIP/2.0 180 "));
  silent.drain();
  silent.send(answer_to(asleep, 200));
  CHECK(holds(rig.hear(caller, "200 "), "SIP/2.0 200 "));
  // RFC 3326: the other one rings no longer.
  CHECK(holds(rig.hear(other, "CANCEL"), "Reason: SIP;cause=200;text=\"Call completed elsewhere\""));
  other.send(answer_to(copy, 487));
  CHECK(holds(rig.hear(other, "ACK"), "ACK "));
  CHECK_EQ(caller.drain(), "");
  // RFC 6026: each further 2xx passes too.
  silent.send(answer_to(asleep, 200));
  CHECK(holds(rig.hear(caller, "200 "), "SIP/2.0 200 "));
  caller.send(invite(2).text());
  rig.hear(other, "INVITE");
}

TEST("TX-4 a refusal and an ACK whose To and CSeq are folded: the device gets its ACK, and the caller's ends the repetitions") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.add(1, edge.port());
  const auto folded = [](std::string text) {
    for (const std::string part : {"\r\nTo: ", "\r\nCSeq: 1 "}) {
      const size_t at = text.find(part) + part.size();
      text.replace(at - 1, 1, "\r\n\t ");
    }
    return text;
  };
  caller.send(invite().text());
  const std::string copy = rig.hear(edge, "INVITE sip:");
  edge.send(folded(answer_to(copy, 486)));
  rig.hear(caller, "SIP/2.0 486 ");
  const std::string ack = rig.hear(edge, "ACK sip:");
  CHECK_EQ(value_of(ack, "Via"), value_of(copy, "Via"));
  CHECK_EQ(value_of(ack, "CSeq"), "1 ACK");
  CHECK(holds(ack, "\r\nTo: <sip:bob@example.com>;tag=x\r\n"));
  caller.send(folded(follow(invite(), "ACK", "x")));
  rig.turn();
  CHECK_EQ(rig.count(Counter::requests_held), 0);
  caller.drain();
  rig.pass(4'000);
  CHECK_EQ(rig.heard(caller), "");
}

TEST("PX-16.10-1 CAN-3 CANCEL: 200 at once, on to the device when it has responded, and 487 when that has ended") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.add(1, edge.port());
  caller.send(invite().text());
  const std::string copy = rig.hear(edge, "INVITE");
  caller.send(follow(invite(), "CANCEL"));
  CHECK(holds(rig.hear(caller, "CANCEL"), "SIP/2.0 200 OK"));
  CHECK(!holds(rig.heard(edge), "CANCEL"));
  edge.send(answer_to(copy, 180));
  const std::string cancel = rig.hear(edge, "CANCEL");
  CHECK(holds(cancel, "CANCEL sip:bob@192.0.2.1 SIP/2.0\r\nVia: " + value_of(copy, "Via") + "\r\nRoute: <sip:t1@"));
  CHECK(holds(cancel, "\r\nReason: SIP;cause=200\r\n"));
  edge.send(answer_to(cancel, 200));
  edge.send(answer_to(copy, 487));
  CHECK(holds(rig.hear(caller, "487 "), "SIP/2.0 487 "));
  CHECK(holds(rig.hear(edge, "ACK"), "ACK "));
  // In one batch: an INVITE, the same again, and its CANCEL.
  for (const std::string& octets : {invite(2).text(), invite(2).text(), follow(invite(2), "CANCEL")}) caller.send(octets);
  const std::string second = rig.hear(edge, "INVITE");
  CHECK_EQ(rig.twins, 2);
  CHECK_EQ(count_of(second, "INVITE sip:"), 1u);
  CHECK(holds(rig.hear(caller, "CANCEL"), "SIP/2.0 200 OK"));
  edge.send(answer_to(second, 100));
  const std::string stop = rig.hear(edge, "CANCEL");
  CHECK(holds(stop, "CANCEL sip:bob@192.0.2.1 SIP/2.0\r\n"));
  // A CANCEL of nothing is for the object path.
  rig.states.clear();
  caller.send(follow(invite(7), "CANCEL"));
  rig.until([&] { return !rig.states.empty(); });
  CHECK(rig.states.at(0) == RequestState::unread);
}

TEST("PX-16.8-1 timer C: a device that rings too long is cancelled; one that never responds means 408, and no answer to other requests") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.add(1, edge.port());
  caller.send(invite().text());
  const std::string copy = rig.hear(edge, "INVITE");
  edge.send(answer_to(copy, 180));
  rig.hear(caller, "180 ");
  rig.pass(kTimerCMs + 100);
  CHECK(holds(rig.hear(edge, "CANCEL"), "CANCEL "));
  rig.pass(33'000);
  CHECK(holds(rig.hear(caller, "408 "), "SIP/2.0 408 "));
  rig.states.clear();
  caller.send(invite(2).text());
  rig.hear(edge, "INVITE");
  Request message;
  message.number = 3;
  caller.send(message.text());
  rig.hear(edge, "MESSAGE");
  caller.drain();
  rig.pass(4'000);
  CHECK(holds(rig.hear(caller, "MESSAGE"), "SIP/2.0 100 "));
  rig.pass(33'000);
  const std::string both = rig.hear(caller, "408 ");
  CHECK(!holds(both, "MESSAGE"));
  CHECK_EQ(rig.count(Counter::requests_held), 1);  // the refusal that waits for its ACK
  CHECK_EQ(rig->proxying().open_count(), 0u);
}

TEST("PX-16.9-1 a phone on a connection that ends while it rings: 480, and its tokens name the flow as long as it lives") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  const Peer caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  Peer phone = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.until([&] { return rig.flow(FlowKind::stream).slot != 0; });
  const FlowHandle handle = rig.flow(FlowKind::stream);
  const std::string id = "s/1/0/7/" + std::to_string(handle.slot) + "/" + std::to_string(handle.generation);
  rig->object().bind_flow(id, 0);
  rig.add_flow(id);
  caller.send(invite().text());
  const std::string copy = rig.hear(phone, "\r\n\r\n");
  CHECK(holds(copy, "INVITE sip:bob@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:" + std::to_string(rig.port(ShardRig::kClientTcp)) + ";branch="));
  CHECK_EQ(count_of(copy, "Record-Route: <sip:"), 4u);
  phone.send(answer_to(copy, 180));
  rig.hear(caller, "180 ");
  phone.close();
  CHECK(holds(rig.hear(caller, "480 "), "SIP/2.0 480 "));
}

TEST("TX-10 a response from elsewhere, or to nothing, changes nothing; a 6xx, 3xx, 401 and 503 go back as a proxy must") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path());
  const Peer caller = Peer::udp(rig.port(ShardRig::kClientUdp)), phone = Peer::udp(rig.port(ShardRig::kClientUdp)), stranger = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.add_flow(rig.udp_id(phone));
  int number = 0;
  for (const auto& [given, wanted] : {std::pair{603, "603 "}, std::pair{302, "302 "}, std::pair{401, "401 "}, std::pair{503, "500 "}, std::pair{430, "480 "}}) {
    Request request;
    request.number = ++number;
    caller.send(request.text());
    const std::string copy = rig.hear(phone, "\r\n\r\n");
    stranger.send(answer_to(copy, 200));
    CHECK_EQ(rig.heard(caller), "");
    if (given == 430) rig.add_flow(rig.udp_id(phone));  // refreshed meanwhile
    phone.send(answer_to(copy, given));
    // The flow registered again while the request was pending: it is tried once more (OB-7-21).
    if (given == 430) {
      const std::string again = rig.hear(phone, "\r\n\r\n");
      phone.send(answer_to(again, given));
    }
    CHECK(holds(rig.hear(caller, "\r\n\r\n"), std::string("SIP/2.0 ") + wanted));
    phone.send(answer_to(copy, 200));
    CHECK_EQ(rig.heard(caller), "");
  }
}

TEST("what a source holds is bounded: 503 beyond its share, and everything is given back") {
  const TemporaryFolder folder;
  ProxyRig rig(folder.path(), [](EdgeConfig& config) { config.limits.reservations.requests_per_source = 8; });
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp)), caller = Peer::udp(rig.port(ShardRig::kClientUdp));
  rig.add(1, edge.port());
  std::vector<std::string> copies;
  for (int number = 1; number <= 4; ++number) {
    caller.send(invite(number).text());
    copies.push_back(rig.hear(edge, "INVITE"));
  }
  rig.heard(caller);
  caller.send(invite(5).text());
  CHECK(holds(rig.hear(caller, "503 "), "Retry-After: 10\r\n"));
  CHECK_EQ(rig.count(Counter::requests_refused), 1);
  for (const std::string& copy : copies) edge.send(answer_to(copy, 200));
  rig.turn();
  CHECK_EQ(count_of(rig.heard(caller), "SIP/2.0 200 "), 4u);
  CHECK_EQ(rig.count(Counter::requests_held), 0);
  caller.send(invite(6).text());
  rig.hear(edge, "INVITE");
}

}  // namespace sluice::proxying_test
