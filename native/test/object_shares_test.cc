// A source that sends nothing but what numbers cannot decide: it gets its share of the object path, and the others notice nothing.
#include <string>

#include "shard_rig.h"

namespace sluice::object_shares_test {
using namespace test;

struct Home : ShardRig {
  Home() : ShardRig([](EdgeConfig& config) { config.home = true; }) {
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
  int64_t send(const Peer& peer, int requests, const std::string& method = "MESSAGE") {
    const int64_t before = taken();
    for (int sent = 0; sent < requests;) {
      const int64_t decided = taken() + refused();
      const int some = std::min(requests - sent, 16);
      for (int i = 0; i < some; ++i) peer.send(Request{.method = method, .number = ++number_}.text());
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
  home.clients_hear_us();
  const Peer hostile = Peer::udp(home.port(ShardRig::kClientUdp));
  home.send(hostile, 2'010);
  const std::string answers = hostile.drain();
  CHECK(count_of(answers, "SIP/2.0 503 ") == static_cast<size_t>(home.refused()) && home.refused() > 0);
  const int seconds = std::stoi("0" + value_of(answers, "Retry-After"));
  CHECK(seconds >= 5 && seconds <= 10);
  const int64_t refused = home.refused();
  CHECK_EQ(home.send(hostile, 5, "ACK"), 0);
  CHECK_EQ(home.refused(), refused + 5);
  CHECK_EQ(hostile.drain(), "");
}

}  // namespace sluice::object_shares_test
