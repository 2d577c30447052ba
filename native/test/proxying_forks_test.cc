// Requests to several devices that are proxied by numbers: who rings when, what the caller hears, and what an upgrade leaves of that.
#include "handover_rig.h"
#include "proxy_rig.h"

namespace sluice::proxying_test {
using namespace test;

namespace {

std::string instance(int number) { return "urn:uuid:00000000-0000-1000-8000-00000000001" + std::to_string(number); }

// Bob has a phone for each q, each behind an edge of its own.
struct Bob {
  explicit Bob(const std::vector<uint16_t>& qs, const ShardRig::Change& change = nullptr) : rig(std::make_unique<ProxyRig>(folder.path(), change)) {
    for (const uint16_t q : qs) {
      phones.push_back(std::make_unique<Peer>(Peer::udp(rig->port(ShardRig::kCoreUdp))));
      rig->add(1, phones.back()->port(), instance(static_cast<int>(phones.size())), q);
    }
    caller = std::make_unique<Peer>(Peer::udp(rig->port(ShardRig::kClientUdp)));
  }

  void call(const Request& request = invite()) { caller->send(request.text()); }
  // The copy for a phone.
  std::string copy(size_t phone, const char* method = "INVITE") { return first_of(rig->hear(*phones[phone], method)); }
  std::string heard(const char* what) { return rig->hear(*caller, what); }
  bool is_quiet(size_t phone) { return rig->heard(*phones[phone]).empty(); }
  void say(size_t phone, const std::string& request, int status, const std::string& lines = "") { phones[phone]->send(answer_to(request, status, lines)); }
  void upgrade(uint32_t layout = kImageVersion) {
    auto next = std::make_unique<ProxyRig>(*rig);
    Moving moving(**rig, layout);
    CHECK_EQ(moving.into(**next), "");
    CHECK_EQ((*next)->open(), 0);
    (*rig)->release();
    before = std::move(rig);
    rig = std::move(next);
  }

  const TemporaryFolder folder;
  std::unique_ptr<ProxyRig> rig, before;
  std::vector<std::unique_ptr<Peer>> phones;
  std::unique_ptr<Peer> caller;
};

// Its tag tells who answered.
std::string tagged(const std::string& request, int status, const char* tag) {
  std::string answer = answer_to(request, status);
  answer.replace(answer.find("tag=x"), 5, std::string("tag=") + tag);
  return answer;
}

}  // namespace

TEST("OB-7-2 PX-16.7-3 PX-16.7-11 three devices ring; the caller hears each, the first 200 ends the others, and a late 200 passes too") {
  Bob bob({1'000, 1'000, 1'000});
  bob.call();
  std::vector<std::string> copies;
  for (size_t phone = 0; phone < 3; ++phone) {
    copies.push_back(bob.copy(phone));
    CHECK_EQ(value_of(copies.back(), "Max-Breadth"), "20");
    bob.phones[phone]->send(tagged(copies.back(), 180, phone == 0 ? "a" : phone == 1 ? "b" : "c"));
  }
  CHECK(value_of(copies[0], "Via") != value_of(copies[1], "Via") && value_of(copies[1], "Via") != value_of(copies[2], "Via"));
  bob.rig->turn();
  const std::string provisional = bob.caller->drain();
  CHECK_EQ(count_of(provisional, "SIP/2.0 180 "), 3u);
  CHECK(holds(provisional, "tag=a") && holds(provisional, "tag=b") && holds(provisional, "tag=c"));
  bob.phones[1]->send(tagged(copies[1], 200, "b"));
  CHECK(holds(bob.heard("SIP/2.0 200 "), "tag=b"));
  for (const size_t phone : {0u, 2u}) CHECK(holds(bob.copy(phone, "CANCEL"), "Reason: SIP;cause=200;text=\"Call completed elsewhere\""));
  CHECK(!holds(bob.rig->heard(*bob.phones[1]), "CANCEL"));
  bob.phones[0]->send(tagged(copies[0], 200, "a"));
  CHECK(holds(bob.heard("SIP/2.0 200 "), "tag=a"));
  bob.say(2, copies[2], 487);
  CHECK(holds(bob.copy(2, "ACK "), "ACK sip:bob@192.0.2.1"));
  CHECK_EQ(bob.rig->heard(*bob.caller), "");
  CHECK_EQ(bob.rig->count(Counter::requests_by_numbers), 1);
  CHECK_EQ(bob.rig->count(Counter::requests_held), 0);
  bob.rig->pass(40'000);
  CHECK_EQ(bob.rig->count(Counter::buffer_bytes), 0);
}

TEST("OB-7-18 by q: those of the next q ring when all of the one before have ended; the best of all goes back") {
  Bob bob({500, 1'000, 500, 1'000});
  bob.call();
  const std::string first = bob.copy(1), second = bob.copy(3);
  CHECK(bob.is_quiet(0) && bob.is_quiet(2));
  bob.say(1, first, 480);
  bob.copy(1, "ACK ");
  CHECK(bob.is_quiet(0) && bob.is_quiet(2));
  bob.say(3, second, 404);
  const std::string third = bob.copy(0), fourth = bob.copy(2);
  bob.say(0, third, 302);
  bob.say(2, fourth, 408);
  CHECK(holds(bob.heard("302 "), "SIP/2.0 302 Whatever\r\nVia: SIP/2.0/UDP 10.0.0.1:5060"));
}

TEST("PX-16.7-4 CAN-8 a 6xx ends the search: others are cancelled, none begins, and it goes back when they have ended") {
  Bob bob({1'000, 1'000, 500});
  bob.call();
  const std::string first = bob.copy(0), second = bob.copy(1);
  bob.say(1, second, 180);
  bob.heard("180 ");
  bob.say(0, first, 603);
  const std::string cancel = bob.copy(1, "CANCEL");
  CHECK(!holds(cancel, "Reason:"));
  bob.say(1, cancel, 200);
  CHECK(!holds(bob.rig->heard(*bob.caller), "603"));
  bob.say(1, second, 487);
  bob.heard("SIP/2.0 603 ");
  CHECK(bob.is_quiet(2));
}

TEST("PX-16.7-5 the better one of two responses goes back, whichever comes first; neither 430 nor 503 as it is") {
  Bob bob({1'000, 1'000});
  struct Case {
    int one, other, best;
  };
  int number = 0;
  for (const Case& each : {Case{486, 404, 486}, Case{404, 486, 404}, Case{500, 486, 486}, Case{302, 486, 302}, Case{486, 415, 415}, Case{480, 600, 600}, Case{503, 486, 486}, Case{503, 503, 500},
                           Case{487, 480, 480}}) {
    Request request = invite(++number);
    bob.call(request);
    const std::string one = bob.copy(0), other = bob.copy(1);
    bob.heard("100 ");
    bob.say(0, one, each.one);
    bob.copy(0, "ACK ");
    CHECK_EQ(bob.rig->heard(*bob.caller), "");
    bob.say(1, other, each.other);
    const std::string answer = bob.heard("\r\n\r\n");
    CHECK(holds(answer, "SIP/2.0 " + std::to_string(each.best) + " "));
    const std::string to = value_of(answer, "To");
    bob.caller->send(follow(request, "ACK", to.substr(to.find("tag=") + 4)));
    bob.rig->turn();
    for (size_t phone = 0; phone < 2; ++phone) bob.rig->heard(*bob.phones[phone]);
  }
}

TEST("PX-16.7-8 AU-16 the response has the challenges of all devices, folded ones too, and of none if it asks for nothing") {
  Bob bob({1'000, 1'000, 1'000});
  bob.call();
  std::vector<std::string> copies{bob.copy(0), bob.copy(1), bob.copy(2)};
  bob.say(0, copies[0], 407, "Proxy-Authenticate: Digest realm=\"one\",\r\n nonce=\"1\"\r\n");
  bob.copy(0, "ACK ");
  bob.say(1, copies[1], 401, "www-authenticate : Digest realm=\"two\", nonce=\"2\"\r\nX-Own: two\r\n");
  bob.copy(1, "ACK ");
  bob.say(2, copies[2], 407, "Proxy-Authenticate: Digest realm=\"three\", nonce=\"3\"\r\nX-Own: three\r\n");
  const std::string answer = bob.heard("SIP/2.0 401 ");
  CHECK(holds(answer, "\r\nProxy-Authenticate: Digest realm=\"one\",\r\n nonce=\"1\"\r\nProxy-Authenticate: Digest realm=\"three\", nonce=\"3\"\r\n\r\n"));
  CHECK(holds(answer, "\r\nwww-authenticate : Digest realm=\"two\", nonce=\"2\"\r\nX-Own: two\r\n"));
  CHECK_EQ(count_of(answer, "X-Own"), 1u);
  bob.copy(2, "ACK ");
  bob.call(invite(2));
  bob.heard("100 ");
  copies = {bob.copy(0), bob.copy(1), bob.copy(2)};
  bob.say(0, copies[0], 401, "WWW-Authenticate: Digest realm=\"one\", nonce=\"1\"\r\n");
  bob.say(1, copies[1], 302);
  bob.say(2, copies[2], 486);
  CHECK(!holds(bob.heard("SIP/2.0 302 "), "Authenticate"));
}

TEST("PX-16.10-1 CAN-3 a CANCEL reaches each device that has responded, with its reason, and the others once they do; then 487") {
  Bob bob({1'000, 1'000, 500});
  bob.call();
  const std::string first = bob.copy(0), second = bob.copy(1);
  bob.say(0, first, 180);
  bob.heard("180 ");
  bob.caller->send(follow(invite(), "CANCEL"));
  bob.heard("SIP/2.0 200 ");
  CHECK(holds(bob.copy(0, "CANCEL"), "Reason: SIP;cause=200\r\n"));
  CHECK(!holds(bob.rig->heard(*bob.phones[1]), "CANCEL"));
  bob.say(1, second, 100);
  CHECK(holds(bob.copy(1, "CANCEL"), "Reason: SIP;cause=200\r\n"));
  bob.say(0, first, 487);
  CHECK_EQ(bob.rig->heard(*bob.caller), "");
  bob.say(1, second, 487);
  bob.heard("SIP/2.0 487 ");
  CHECK(bob.is_quiet(2));
}

TEST("OB-7-19 OB-7-20 each device has its own flows: one goes on to its next flow while the other rings") {
  Bob bob({1'000, 1'000});
  const Peer again = Peer::udp(bob.rig->port(ShardRig::kCoreUdp));
  bob.rig->add(2, again.port(), instance(1));
  bob.call();
  const std::string newest = first_of(bob.rig->hear(again, "INVITE")), other = bob.copy(1);
  CHECK(bob.is_quiet(0));
  bob.say(1, other, 180);
  bob.heard("180 ");
  again.send(answer_to(newest, 430));
  const std::string older = bob.copy(0);
  CHECK_EQ(bob.rig->bindings(), 2u);
  // It has no flow that is left: what it says last waits for the other one.
  bob.say(0, older, 430);
  bob.copy(0, "ACK ");
  CHECK_EQ(bob.rig->heard(*bob.caller), "");
  CHECK_EQ(bob.rig->bindings(), 1u);
  bob.say(1, other, 486);
  bob.heard("SIP/2.0 486 ");
}

TEST("LD-5-2 LD-5-3 LD-5-6 Max-Breadth 2 with three devices: two ring, the third when one of them has finished") {
  Bob bob({1'000, 1'000, 1'000});
  Request request = invite();
  request.lines = "Max-Breadth: 2\r\n";
  bob.call(request);
  // The most recent ones first.
  const std::string third = bob.copy(2), second = bob.copy(1);
  CHECK_EQ(value_of(third, "Max-Breadth") + value_of(second, "Max-Breadth"), "11");
  CHECK(bob.is_quiet(0));
  bob.say(2, third, 486);
  CHECK_EQ(value_of(bob.copy(0), "Max-Breadth"), "1");
}

TEST("RFC 4320 4.2 a MESSAGE goes to all devices, and the first 2xx is the answer; a refusal waits for the others") {
  Bob bob({1'000, 1'000});
  bob.call(Request());
  std::string one = bob.copy(0, "MESSAGE"), other = bob.copy(1, "MESSAGE");
  bob.say(0, one, 486);
  CHECK_EQ(bob.rig->heard(*bob.caller), "");
  bob.say(1, other, 202);
  bob.heard("SIP/2.0 202 ");
  Request next;
  next.number = 2;
  bob.call(next);
  one = bob.copy(0, "MESSAGE"), other = bob.copy(1, "MESSAGE");
  bob.say(0, one, 200);
  bob.heard("SIP/2.0 200 ");
  bob.say(1, other, 200);
  CHECK_EQ(bob.rig->heard(*bob.caller), "");
  CHECK_EQ(bob.rig->count(Counter::requests_held), 0);
}

TEST("what a source holds is bounded for copies, too: where there is no room for one, the others ring") {
  Bob bob({1'000, 1'000, 1'000}, [](EdgeConfig& config) { config.limits.reservations.octets_per_source = 10'000; });
  bob.call();
  size_t rang = 0;
  for (size_t phone = 0; phone < 3; ++phone) {
    const std::string copy = bob.rig->heard(*bob.phones[phone]);
    if (copy.empty()) continue;
    ++rang;
    bob.say(phone, first_of(copy), 486);
  }
  CHECK(rang > 0 && rang < 3);
  bob.heard("SIP/2.0 486 ");
}

TEST("what devices have answered while others ring counts towards the share of the caller, in the next process too") {
  Bob bob({1'000, 1'000, 1'000});
  bob.call();
  std::vector<std::string> copies{bob.copy(0), bob.copy(1), bob.copy(2)};
  bob.say(2, copies[2], 180);
  bob.heard("180 ");
  const int64_t before = bob.rig->count(Counter::request_octets_held);
  const std::string challenge = "WWW-Authenticate: Digest realm=\"one\", nonce=\"" + std::string(12'000, 'n') + "\"\r\n";
  for (const size_t phone : {0u, 1u}) {
    bob.say(phone, copies[phone], 401, challenge);
    bob.copy(phone, "ACK ");
  }
  const int64_t held = bob.rig->count(Counter::request_octets_held);
  CHECK(held > before + 18'000);
  bob.upgrade();
  CHECK(bob.rig->count(Counter::request_octets_held) > 24'000);
  bob.say(2, copies[2], 486);
  CHECK_EQ(count_of(bob.heard("SIP/2.0 401 "), "WWW-Authenticate"), 2u);
  CHECK_EQ((*bob.rig)->proxying().open_count(), 0u);
  bob.rig->pass(40'000);
  CHECK_EQ(bob.rig->count(Counter::request_octets_held), 0);
}

TEST("where there is no room for what a device has answered, the others decide what its caller hears") {
  for (const bool is_taken : {false, true}) {
    Bob bob({1'000, 1'000}, [](EdgeConfig& config) { config.limits.reservations.octets_per_source = 24'000; });
    bob.call();
    const std::string one = bob.copy(0), other = bob.copy(1);
    bob.say(0, one, 486, "X-Large: " + std::string(12'000, 'x') + "\r\n");
    bob.copy(0, "ACK ");
    bob.say(1, other, is_taken ? 200 : 404);
    bob.heard(is_taken ? "SIP/2.0 200 " : "SIP/2.0 404 ");
    bob.rig->pass(40'000);
    CHECK_EQ(bob.rig->count(Counter::request_octets_held), 0);
  }
}

TEST("devices that ring go on in the next process, and those of a lower q ring there when they have ended") {
  Bob bob({1'000, 1'000, 500});
  bob.call();
  const std::string first = bob.copy(0), second = bob.copy(1);
  bob.heard("100 ");
  bob.say(0, first, 404);
  bob.copy(0, "ACK ");
  bob.upgrade();
  bob.say(1, second, 480);
  const std::string third = bob.copy(2);
  bob.upgrade();
  bob.say(2, third, 503);
  bob.heard("SIP/2.0 404 ");
  CHECK_EQ((*bob.rig)->proxying().open_count(), 0u);
}

TEST("the layout of before knows one device of a request: it goes over and comes back, with its further ways") {
  Bob bob({1'000});
  const Peer again = Peer::udp(bob.rig->port(ShardRig::kCoreUdp));
  bob.rig->add(2, again.port(), instance(1));
  bob.call();
  const std::string newest = first_of(bob.rig->hear(again, "INVITE"));
  bob.upgrade(1);
  again.send(answer_to(newest, 430));
  const std::string older = bob.copy(0);
  bob.upgrade(1);
  bob.say(0, older, 200);
  bob.heard("SIP/2.0 200 ");
  bob.upgrade(1);
  bob.say(0, older, 200);
  bob.heard("SIP/2.0 200 ");
}

TEST("PX-16.10-1 the layout of before: of several devices one that rings goes on, the others are cancelled, and those that waited do not begin") {
  Bob bob({1'000, 1'000, 1'000, 1'000, 500});
  bob.call();
  const std::string silent = bob.copy(0), other = bob.copy(1), ringing = bob.copy(2), refused = bob.copy(3);
  bob.say(3, refused, 404);
  bob.copy(3, "ACK ");
  for (const size_t phone : {1u, 2u}) bob.say(phone, phone == 2 ? ringing : other, 180);
  bob.rig->turn();
  CHECK_EQ(count_of(bob.caller->drain(), "SIP/2.0 180 "), 2u);
  bob.upgrade(1);
  bob.rig->pass(100);
  const std::string cancel = bob.copy(1, "CANCEL");
  CHECK_EQ(value_of(cancel, "Via"), value_of(other, "Via"));
  bob.say(1, cancel, 200);
  bob.say(1, other, 487);
  bob.copy(1, "ACK ");
  CHECK(!holds(bob.rig->heard(*bob.phones[0]), "CANCEL"));
  bob.say(0, silent, 180);
  CHECK_EQ(value_of(bob.copy(0, "CANCEL"), "Via"), value_of(silent, "Via"));
  bob.say(0, silent, 487);
  bob.copy(0, "ACK ");
  CHECK_EQ(bob.rig->heard(*bob.caller), "");
  bob.say(2, ringing, 486);
  bob.copy(2, "ACK ");
  bob.heard("SIP/2.0 486 ");
  CHECK(bob.is_quiet(4));
  CHECK_EQ((*bob.rig)->proxying().open_count(), 0u);
}

TEST("PX-16.7-4 the layout of before: a 2xx of a device that is left out passes, and ends the one that rings") {
  Bob bob({1'000, 1'000});
  bob.call();
  const std::string ringing = bob.copy(0), other = bob.copy(1);
  bob.say(0, ringing, 180);
  bob.heard("180 ");
  bob.upgrade(1);
  bob.rig->pass(100);
  bob.say(1, other, 200);
  bob.heard("SIP/2.0 200 ");
  CHECK(holds(bob.copy(0, "CANCEL"), "Call completed elsewhere"));
}

TEST("the layout of before: an answer is repeated although another device still waits, and a shared Max-Breadth stays shared") {
  Bob bob({1'000, 1'000});
  bob.call(Request());
  const std::string one = bob.copy(0, "MESSAGE"), other = bob.copy(1, "MESSAGE");
  bob.say(0, one, 202);
  bob.heard("SIP/2.0 202 ");
  bob.upgrade(1);
  bob.call(Request());
  bob.heard("SIP/2.0 202 ");
  bob.say(1, other, 200);
  CHECK_EQ(bob.rig->heard(*bob.caller), "");
  const Peer again = Peer::udp(bob.rig->port(ShardRig::kCoreUdp));
  bob.rig->add(2, again.port(), instance(1));
  Request next = invite(2);
  next.lines = "Max-Breadth: 2\r\n";
  bob.call(next);
  const std::string newest = first_of(bob.rig->hear(again, "INVITE"));
  CHECK_EQ(value_of(newest, "Max-Breadth"), "1");
  again.send(answer_to(newest, 180));
  bob.heard("180 ");
  bob.upgrade(1);
  again.send(answer_to(newest, 430));
  CHECK_EQ(value_of(bob.copy(0), "Max-Breadth"), "1");
}

}  // namespace sluice::proxying_test
