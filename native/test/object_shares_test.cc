// A source that sends nothing but what numbers cannot decide: it gets its share of the object path, and the others notice nothing.
#include <string>

#include "proxy_rig.h"

namespace sluice::object_shares_test {
using namespace test;

struct Folder {
  const TemporaryFolder folder;
};

struct Home : private Folder, proxying_test::ProxyRig {
  Home() : ProxyRig(folder.path()) {
    policy = [](unsigned, const int32_t*, int32_t* verdict) {
      verdict[kVerdict_action] = static_cast<int32_t>(Action::object);
      return true;
    };
  }
  static constexpr uint64_t kCost = 250'000;  // ns
  static constexpr int64_t kMuch = ObjectShares::kMuch / kCost;
  int64_t taken() const { return count(Counter::object_messages); }
  int64_t refused() const { return count(Counter::objects_refused); }
  // All are decided on before this returns; how many of them the object path has taken.
  int64_t send(const Peer& peer, int requests, const std::string& method = "MESSAGE") { return send(peer, requests, Request{.method = method}); }
  int64_t send(const Peer& peer, int requests, Request request) {
    const int64_t before = taken();
    for (int sent = 0; sent < requests;) {
      const int64_t decided = taken() + refused();
      const int some = std::min(requests - sent, 16);
      for (int i = 0; i < some; ++i) {
        request.number = ++number_;
        peer.send(request.text());
      }
      sent += some;
      for (int tries = 0; tries < 5'000 && taken() + refused() < decided + some; ++tries) take_turn();
    }
    return taken() - before;
  }
  void take_turn() {
    const unsigned count = (*this)->collect();
    if (count == 0) return void(usleep(100));
    decide(count);
    (*this)->spread_objects();
    const int64_t before = taken();
    (*this)->execute();
    (*this)->objects_took(static_cast<uint64_t>(taken() - before) * kCost);
  }
  void next_second() {
    pass(500);
    pass(500);
  }

 private:
  int number_ = 0;
};

// A turn takes four, who are all let in if the first is.
bool is_about(int64_t value, int64_t wanted) { return value >= wanted && value < wanted + 4; }

TEST("a source that floods the object path has 500 requests a second once it takes half of the time; others and neighbours go on") {
  Home home;
  const Peer hostile = Peer::udp(home.port(ShardRig::kClientUdp), "127.0.0.2"), good = Peer::udp(home.port(ShardRig::kClientUdp), "127.0.0.3");
  const Peer core = Peer::udp(home.port(ShardRig::kCoreUdp));
  CHECK(is_about(home.send(hostile, 2'600), Home::kMuch));
  CHECK_EQ(home.taken() + home.refused(), 2'600);
  CHECK_EQ(home.send(good, 20), 20);
  CHECK_EQ(home.send(core, 600), 600);
  home.next_second();
  CHECK_EQ(home.send(good, 20), 20);
  CHECK(is_about(home.send(hostile, 2'500), ObjectShares::kEach));
  // What was refused counts, too: keeping out lasts as long as the flood.
  home.next_second();
  CHECK(is_about(home.send(hostile, 2'500), ObjectShares::kEach));
  CHECK_EQ(home.send(good, 20), 20);
  home.next_second();
  home.next_second();
  CHECK_EQ(home.send(hostile, 1'900), 1'900);
}

TEST("what is refused for its source's share is told to come again later; an ACK hears nothing") {
  Home home;
  const Peer hostile = Peer::udp(home.port(ShardRig::kClientUdp));
  home.send(hostile, 2'010);
  const std::string answers = hostile.drain();
  CHECK(count_of(answers, "SIP/2.0 503 ") == static_cast<size_t>(home.refused()) && home.refused() > 0);
  const int seconds = std::stoi("0" + value_of(answers, "Retry-After"));
  CHECK(seconds >= 5 && seconds <= 10);
  const int64_t refused = home.refused();
  // Some are let in, as any may belong to a call.
  CHECK_EQ(home.send(hostile, 150, "ACK"), ObjectShares::kEachSaid);
  CHECK_EQ(home.refused(), refused + 150 - ObjectShares::kEachSaid);
  CHECK_EQ(hostile.drain(), "");
}

TEST("a source over its share: BYE, CANCEL and ACK that only say so have a small room, emergencies another, what has our token a larger one") {
  Home home;
  const Peer hostile = Peer::udp(home.port(ShardRig::kClientUdp)), phone = Peer::udp(home.port(ShardRig::kClientUdp));
  home.send(hostile, 2'600);
  CHECK_EQ(home.send(hostile, 1), 0);
  CHECK(is_about(home.send(hostile, 400, "BYE"), ObjectShares::kEachSaid));
  CHECK_EQ(home.send(phone, 1, "CANCEL"), 0);
  Request in_dialog{.method = "BYE", .lines = home.route_to_udp(phone.port())};
  CHECK(is_about(home.send(phone, 600, in_dialog), ObjectShares::kEachProven));
  const Request emergency{.method = "INVITE", .uri = "urn:service:sos.fire"};
  CHECK(is_about(home.send(phone, 400, emergency), ObjectShares::kEachSaid));
  CHECK_EQ(home.send(phone, 1, Request{.method = "INVITE", .uri = "urn:service:counseling"}), 0);
  // A token that we have not made proves nothing.
  home.next_second();
  home.send(hostile, 2'600);
  std::string forged = home.route_to_udp(phone.port());
  forged[20] = forged[20] == 'A' ? 'B' : 'A';
  CHECK_EQ(home.send(phone, 1, Request{.method = "INFO", .lines = forged}), 0);
  CHECK_EQ(home.send(phone, 1, Request{.method = "INFO", .lines = home.route_to_udp(phone.port())}), 1);
}

TEST("a source over its share: the CANCEL and the ACK of a call on the object path pass, whatever else pretends to be one") {
  Home home;
  const Peer hostile = Peer::udp(home.port(ShardRig::kClientUdp)), phone = Peer::udp(home.port(ShardRig::kClientUdp));
  const auto take = [&](const std::string& text) {
    const int64_t taken = home.taken(), refused = home.refused();
    phone.send(text);
    for (int tries = 0; tries < 5'000 && home.taken() + home.refused() == taken + refused; ++tries) home.take_turn();
    return home.taken() - taken;
  };
  const Request call{.method = "INVITE", .number = 100'000};
  CHECK_EQ(take(call.text()), 1);
  home.send(hostile, 2'600);
  home.send(hostile, 200, "CANCEL");
  CHECK_EQ(home.send(phone, 1, "CANCEL"), 0);
  CHECK_EQ(take(proxying_test::follow(call, "CANCEL")), 1);
  CHECK_EQ(take(proxying_test::follow(call, "ACK")), 1);
}

TEST("a neighbour that vouches is refused once objects take four fifths of a second, but for what belongs to calls; clients go on") {
  Home home;
  const Peer good = Peer::udp(home.port(ShardRig::kClientUdp), "127.0.0.3"), core = Peer::udp(home.port(ShardRig::kCoreUdp));
  constexpr int64_t kMost = static_cast<int64_t>(ObjectShares::kMostOfNeighbours / Home::kCost);
  CHECK(is_about(home.send(core, 4'000), kMost));
  CHECK_EQ(home.taken() + home.refused(), 4'000);
  CHECK_EQ(home.send(good, 20), 20);
  CHECK_EQ(home.send(core, 20, "CANCEL"), 20);
  const std::string answers = core.drain();
  CHECK(holds(answers, "SIP/2.0 503 ") && holds(answers, "Retry-After: "));
  // What it was refused does not count: it has the same in the next second.
  home.next_second();
  CHECK(is_about(home.send(core, 4'000), kMost));
}

}  // namespace sluice::object_shares_test
