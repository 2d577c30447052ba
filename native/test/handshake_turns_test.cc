// Thousands of phones shake hands at once: whose turn it is, how long they may take, and who stays with the kernel.
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "core/base/now_ns.h"
#include "shard_rig.h"
#include "tls_doubles.h"

namespace sluice::handshake_turns_test {
using namespace test;

struct Crowd {
  explicit Crowd(const ShardRig::Change& change = nullptr) : rig([&](EdgeConfig& config) {
    config.limits.max_flows_per_source = 10'000;
    if (change) change(config);
  }) {
    rig->set_tls(std::make_unique<TlsDoubles<HelloTls>>());
  }
  void come(int count) {
    for (int i = 0; i < count; ++i) {
      phones.push_back(Peer::tcp(rig.port(ShardRig::kClientTls)));
      if (i % 50 == 0) rig.turn();
    }
    served.resize(phones.size());
    CHECK(rig.until([&] { return rig.count(Counter::handshakes) == static_cast<int64_t>(phones.size()); }));
  }
  void greet() {
    for (const Peer& phone : phones) phone.send("H");
  }
  void one_turn() {
    rig.decide(rig->await(0));
    rig->execute();
  }
  size_t serve() {
    for (size_t i = 0; i < phones.size(); ++i)
      if (!served[i]) served[i] = holds(phones[i].drain(), "hello");
    return static_cast<size_t>(std::count(served.begin(), served.end(), true));
  }

  ShardRig rig;
  std::vector<Peer> phones;
  std::vector<bool> served;
};

TEST("TR-27 handshakes take turns in the order in which they came, however many are ready") {
  Crowd crowd;
  crowd.come(200);
  crowd.greet();
  size_t next = 0;
  for (int turns = 0; turns < 400 && next < crowd.phones.size(); ++turns) {
    crowd.one_turn();
    while (next < crowd.phones.size() && holds(crowd.phones[next].drain(), "hello")) ++next;
    for (size_t later = next; later < crowd.phones.size(); ++later) CHECK_EQ(crowd.phones[later].drain(), "");
  }
  CHECK_EQ(next, crowd.phones.size());
}

TEST("TR-20 TR-27 a handshake that waits for its turn longer than handshakes may take is not the phone's fault, and its time counts from then on") {
  Crowd crowd;
  crowd.come(80);
  const Peer silent = Peer::tcp(crowd.rig.port(ShardRig::kClientTls));
  CHECK(crowd.rig.until([&] { return crowd.rig.count(Counter::handshakes) == 81; }));
  crowd.greet();
  // Eight seconds, of which five are allowed.
  for (int turns = 0; turns < 20; ++turns) {
    crowd.rig.time.ms += 400;
    usleep(55'000);  // the shard's timer is real
    crowd.one_turn();
  }
  const size_t served = crowd.serve();
  CHECK(served >= 20);
  CHECK(served < 60);
  CHECK_EQ(crowd.rig.hear(silent, "<EOF>"), "<EOF>");
  CHECK(crowd.rig.until([&] { return crowd.serve() == crowd.phones.size(); }));
}

TEST("TR-27 handshakes that wait for their turn follow each other at once when nothing else happens") {
  Crowd crowd;
  crowd.come(100);
  crowd.greet();
  const uint64_t began = now_ns();
  while (crowd.rig.count(Counter::tls_handshakes) < 100 && now_ns() - began < 10'000'000'000) {
    crowd.rig.decide(crowd.rig->await(1'000));
    crowd.rig->execute();
  }
  CHECK_EQ(crowd.rig.count(Counter::tls_handshakes), 100);
  // A turn has time for two: if the shard slept until its next tick in between, this would take two and a half seconds.
  CHECK(now_ns() - began < 1'500'000'000);
}

TEST("TR-27 a phone that gives up before its turn costs no handshake") {
  Crowd crowd;
  crowd.come(100);
  crowd.greet();
  crowd.one_turn();
  crowd.one_turn();
  CHECK(crowd.rig.count(Counter::tls_handshakes) < 10);
  for (Peer& phone : crowd.phones) phone.close();
  CHECK(crowd.rig.until([&] { return crowd.rig.count(Counter::stream_flows) == 0; }));
  CHECK(crowd.rig.count(Counter::tls_handshakes) < 50);
}

TEST("TR-27 while hundreds of handshakes wait, a phone that is connected is heard in the next turns") {
  Crowd crowd;
  const Peer core = Peer::bound(SOCK_DGRAM);
  crowd.rig.upstreams({{Transport::udp, core.port()}});
  crowd.come(900);
  const Peer phone = Peer::tcp(crowd.rig.port(ShardRig::kClientTcp));
  phone.send(Request{.number = 1, .transport = "TCP"}.text());
  crowd.rig.hear(core, "Call-ID: c1");
  crowd.greet();
  for (int turns = 0; turns < 12; ++turns) crowd.one_turn();
  // All that wait have been named by now, once.
  phone.send(Request{.number = 2, .transport = "TCP"}.text());
  crowd.one_turn();
  crowd.one_turn();
  CHECK(holds(core.drain(), "Call-ID: c2"));
  CHECK(crowd.serve() < 100);
}

TEST("TR-27 while half of the places for handshakes wait for their turn, TLS connections stay with the kernel, those over TCP do not, and all are served in the end") {
  Crowd crowd([](EdgeConfig& config) { config.limits.max_flows = 4'096; });
  for (int i = 0; i < 600; ++i) {
    crowd.phones.push_back(Peer::tcp(crowd.rig.port(ShardRig::kClientTls)));
    crowd.phones.back().send("H");
  }
  size_t waiting = 0;
  for (int turns = 0; turns < 40; ++turns) {
    crowd.one_turn();
    waiting = std::max(waiting, static_cast<size_t>(crowd.rig.count(Counter::handshakes)));
  }
  CHECK(waiting >= 256);
  CHECK(waiting < 600);
  CHECK(crowd.rig.count(Counter::accepts_paused) > 0);
  const int64_t before = crowd.rig.count(Counter::flows_opened);
  const Peer beside = Peer::tcp(crowd.rig.port(ShardRig::kClientTcp));
  CHECK(crowd.rig.until([&] { return crowd.rig.count(Counter::flows_opened) > before; }));
  crowd.served.resize(crowd.phones.size());
  CHECK(crowd.rig.until([&] {
    if (crowd.rig.count(Counter::handshakes) == 0) crowd.rig.pass(Clock::kTickMs);  // the listener is looked at again
    return crowd.serve() == crowd.phones.size();
  }));
  CHECK_EQ(crowd.rig.count(Counter::handshakes_refused), 0);
}

// Its handshake ends with '.', whatever came before.
struct DripTls final : ClearTls {
  TlsResult receive(Text& all, char* plain, size_t room, size_t& size, std::vector<char>& out) noexcept override {
    size = 0;
    if (opened) return ClearTls::receive(all, plain, room, size, out);
    if (all.ends_with('.')) send("hello ", out);
    all.remove_prefix(all.size());
    return TlsResult::ok;
  }
};

TEST("TR-27 handshakes that come octet by octet take half of the places for those that wait, and newcomers are let in and served meanwhile") {
  Crowd crowd([](EdgeConfig& config) { config.limits.max_flows = 4'096; });
  crowd.rig->set_tls(std::make_unique<TlsDoubles<DripTls>>());
  crowd.come(300);
  for (int octet = 0; octet < 2; ++octet) {
    for (const Peer& phone : crowd.phones) phone.send("x");
    for (int turns = 0; turns < 400 * (1 - octet) + 4; ++turns) crowd.one_turn();
  }
  // More than half of the 512 places wait again.
  CHECK_EQ(crowd.rig.count(Counter::accepts_paused), 0);
  const Peer newcomer = Peer::tcp(crowd.rig.port(ShardRig::kClientTls));
  newcomer.send(".");
  std::string heard;
  for (int turns = 0; turns < 12 && heard.empty(); ++turns) {
    crowd.one_turn();
    heard = newcomer.drain();
  }
  CHECK(holds(heard, "hello"));
  CHECK_EQ(crowd.rig.count(Counter::accepts_paused), 0);
}

}  // namespace sluice::handshake_turns_test
