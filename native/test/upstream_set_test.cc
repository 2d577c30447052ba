// Choosing among upstream targets: shares by weight, stable by hash, and what changes when one dies.
#include "core/relay/upstream_set.h"

#include <array>
#include <string>

#include "check.h"

namespace sluice::upstream_set_test {
namespace {

constexpr uint64_t kHashes = 40'000;

Address address_of(int host, uint16_t port = 5060) {
  Address address;
  parse_ip("192.0.2." + std::to_string(host), address);
  address.port = port;
  return address;
}

Upstream target(int host, uint16_t priority = 0, uint16_t weight = 1) {
  return {address_of(host), Transport::udp, priority, weight, true};
}

// One target per weight: host 1, 2, …
UpstreamSet weighted(std::initializer_list<uint16_t> weights) {
  UpstreamSet set;
  int host = 0;
  for (const uint16_t weight : weights) set.add(target(++host, 0, weight), "proxy.example.org");
  return set;
}

std::array<int, UpstreamSet::kCapacity> shares(const UpstreamSet& set) {
  std::array<int, UpstreamSet::kCapacity> counts{};
  for (uint64_t hash = 0; hash < kHashes; ++hash) {
    const int picked = set.pick(hash);
    if (picked >= 0) ++counts[static_cast<size_t>(picked)];
  }
  return counts;
}

// Within 5 % of all hashes, ten times what chance would explain.
bool is_near(int count, double share) {
  const double off = count - share * kHashes;
  return (off < 0 ? -off : off) < 0.05 * kHashes;
}

}  // namespace

TEST("DNS-5 only targets of the lowest priority are picked while one of them is alive") {
  UpstreamSet set;
  set.add(target(1, 20), "a");
  set.add(target(2, 10), "b");
  set.add(target(3, 10), "c");
  const auto before = shares(set);
  CHECK_EQ(before[0], 0);
  CHECK(before[1] > 0 && before[2] > 0);
  set.set_alive(1, false);
  CHECK_EQ(shares(set)[2], static_cast<int>(kHashes));
  set.set_alive(2, false);
  CHECK_EQ(shares(set)[0], static_cast<int>(kHashes));
}

TEST("DNS-5 the load is shared by weight") {
  const auto counts = shares(weighted({60, 30, 10}));
  CHECK(is_near(counts[0], 0.6));
  CHECK(is_near(counts[1], 0.3));
  CHECK(is_near(counts[2], 0.1));
}

TEST("DNS-5 equal weights share equally, whatever they are") {
  for (const uint16_t weight : {uint16_t{0}, uint16_t{1}, uint16_t{65'535}}) {
    const auto counts = shares(weighted({weight, weight, weight, weight}));
    for (size_t i = 0; i < 4; ++i) CHECK(is_near(counts[i], 0.25));
  }
}

TEST("DNS-5 weight 0 is picked very rarely next to other weights, but it is picked") {
  const auto counts = shares(weighted({1, 0}));
  CHECK(counts[1] > 0);
  CHECK(counts[1] < static_cast<int>(kHashes) / 20);
  UpstreamSet last = weighted({1, 0});
  last.set_alive(0, false);
  CHECK_EQ(shares(last)[1], static_cast<int>(kHashes));
}

TEST("DNS-6 a hash picks the same target again, whatever the order of the list") {
  UpstreamSet forwards;
  UpstreamSet backwards;
  for (int host = 1; host <= 9; ++host) forwards.add(target(host, 0, static_cast<uint16_t>(host * 7)), "a");
  for (int host = 9; host >= 1; --host) backwards.add(target(host, 0, static_cast<uint16_t>(host * 7)), "a");
  for (uint64_t hash = 0; hash < 2'000; ++hash) {
    CHECK_EQ(forwards.pick(hash), forwards.pick(hash));
    CHECK(forwards.at(forwards.pick(hash)).address == backwards.at(backwards.pick(hash)).address);
  }
}

TEST("DNS-6 DNS-8 when a target dies only its own share moves, and comes back when it returns") {
  // The remaining weights are equal, so the short way and the logarithms must agree.
  UpstreamSet set = weighted({10, 10, 40, 10});
  std::array<int, 4'000> before{};
  for (uint64_t hash = 0; hash < before.size(); ++hash) before[hash] = set.pick(hash);
  set.set_alive(2, false);
  std::array<int, 4> heirs{};
  for (uint64_t hash = 0; hash < before.size(); ++hash) {
    const int now = set.pick(hash);
    CHECK(now != 2);
    if (before[hash] == 2) ++heirs[static_cast<size_t>(now)];
    else CHECK_EQ(now, before[hash]);
  }
  CHECK(heirs[0] > 0 && heirs[1] > 0 && heirs[3] > 0);
  set.set_alive(2, true);
  for (uint64_t hash = 0; hash < before.size(); ++hash) CHECK_EQ(set.pick(hash), before[hash]);
}

TEST("DNS-8 if no target is alive, or there are none, none is picked") {
  CHECK_EQ(UpstreamSet().pick(1), -1);
  UpstreamSet set = weighted({1, 1});
  set.set_alive(0, false);
  set.set_alive(1, false);
  CHECK_EQ(set.pick(1), -1);
}

TEST("DNS-5 a target is found by its address, port and transport") {
  UpstreamSet set;
  CHECK(set.add({address_of(1, 5060), Transport::udp, 0, 1, true}, "a"));
  CHECK(set.add({address_of(1, 5060), Transport::tcp, 0, 1, true}, "a"));
  CHECK(set.add({address_of(1, 5070), Transport::udp, 0, 1, true}, "a"));
  CHECK_EQ(set.find(address_of(1, 5060), Transport::udp), 0);
  CHECK_EQ(set.find(address_of(1, 5060), Transport::tcp), 1);
  CHECK_EQ(set.find(address_of(1, 5070), Transport::udp), 2);
  CHECK_EQ(set.find(address_of(1, 5070), Transport::tcp), -1);
  CHECK_EQ(set.find(address_of(2, 5060), Transport::udp), -1);
}

TEST("DNS-5 without a target over the transport that was asked for, an address leads to what it has over UDP, TCP or TLS, in this order") {
  const auto expected = [](const UpstreamSet& set, Transport preferred) {
    int found = set.find(address_of(1), preferred);
    for (const Transport other : {Transport::udp, Transport::tcp, Transport::tls})
      if (found < 0) found = set.find(address_of(1), other);
    return found;
  };
  constexpr Transport kAll[] = {Transport::udp, Transport::tcp, Transport::tls, Transport::ws, Transport::wss};
  // Each choice of transports, forwards and backwards, among others that must not be taken.
  for (unsigned choice = 0; choice < 32; ++choice) {
    for (const bool backwards : {false, true}) {
      UpstreamSet set;
      for (unsigned i = 0; i < 5; ++i) {
        const unsigned one = backwards ? 4 - i : i;
        set.add({address_of(2), kAll[one], 0, 1, true}, "b");
        set.add({address_of(1, 5070), kAll[one], 0, 1, true}, "c");
        if ((choice >> one & 1) != 0) set.add({address_of(1), kAll[one], 0, 1, true}, "a");
      }
      for (const Transport preferred : kAll) CHECK_EQ(set.find_any(address_of(1), preferred), expected(set, preferred));
      CHECK_EQ(set.find_any(address_of(3), Transport::udp), -1);
    }
  }
}

TEST("DNS-5 an address over one transport is in the set once, and the set is full at 64") {
  UpstreamSet set;
  for (int host = 1; host <= UpstreamSet::kMaxUpstreams; ++host) CHECK(set.add(target(host), "a"));
  CHECK_EQ(set.size(), UpstreamSet::kMaxUpstreams);
  CHECK(!set.add(target(100), "a"));
  UpstreamSet twice;
  CHECK(twice.add(target(1), "a"));
  CHECK(!twice.add(target(1, 5, 5), "b"));
  CHECK_EQ(twice.size(), 1);
  CHECK_EQ(twice.at(0).priority, 0);
}

TEST("another node of the farm is found by its number and chosen by nothing else") {
  UpstreamSet set;
  set.add(target(1), "core.example.org");
  Upstream node = target(2, 0, 1000);
  node.node = 7;
  CHECK(set.add(node, "edge.example.org"));
  CHECK_EQ(set.find_node(7), 1);
  CHECK_EQ(set.find_node(1), -1);
  CHECK_EQ(shares(set)[1], 0);
  CHECK_EQ(set.find_name("edge.example.org", 0), -1);
  CHECK(!set.has_host(address_of(2)));
  CHECK_EQ(set.find(address_of(2), Transport::udp), 1);
  set.set_alive(0, false);
  CHECK_EQ(set.pick(1), -1);
  // Over a connection its port says nothing.
  CHECK(set.is_node(address_of(2), Transport::udp));
  CHECK(!set.is_node(address_of(2, 40'000), Transport::udp));
  CHECK(set.is_node(address_of(2, 40'000), Transport::tcp));
  CHECK(!set.is_node(address_of(1), Transport::tcp));
  // Nodes come last, so that a bit is enough for each upstream that was tried.
  CHECK(!set.add(target(3), "late.example.org"));
  Upstream twice = target(4);
  twice.node = 7;
  CHECK(!set.add(twice, "edge.example.org"));
}

TEST("DNS-5 all 64 targets get their share") {
  UpstreamSet set;
  for (int host = 1; host <= UpstreamSet::kMaxUpstreams; ++host) set.add(target(host, 0, static_cast<uint16_t>(host % 2 + 1)), "a");
  const auto counts = shares(set);
  int light = 0, heavy = 0;
  for (size_t i = 0; i < UpstreamSet::kMaxUpstreams; ++i) {
    CHECK(counts[i] > 0);
    (i % 2 == 0 ? heavy : light) += counts[i];
  }
  CHECK(is_near(heavy, 2.0 / 3));
  CHECK(is_near(light, 1.0 / 3));
}

TEST("DNS-6 a host name finds the targets it resolved to, spread by the hash") {
  UpstreamSet set;
  set.add(target(1), "a.example.org");
  set.add(target(2), "b.example.org");
  set.add(target(3), "b.example.org");
  set.add({address_of(4, 5070), Transport::tcp, 0, 1, true}, "b.example.org");
  CHECK_EQ(set.find_name("A.Example.Org.", 0), 0);
  CHECK_EQ(set.find_name("b.example.org", 5070), 3);
  CHECK_EQ(set.find_name("a.example.org", 5070), -1);
  CHECK_EQ(set.find_name("c.example.org", 0), -1);
  CHECK_EQ(set.find_name("", 0), -1);
  std::array<int, 4> counts{};
  for (uint64_t hash = 0; hash < 3'000; ++hash) ++counts[static_cast<size_t>(set.find_name("b.example.org", 0, hash))];
  CHECK_EQ(counts[0], 0);
  CHECK(counts[1] > 500 && counts[2] > 500 && counts[3] > 500);
}

TEST("DNS-8 a host name skips dead targets, and finds a dead one only if all are dead") {
  UpstreamSet set;
  set.add(target(1), "a");
  set.add(target(2, 9), "a");
  set.set_alive(0, false);
  for (uint64_t hash = 0; hash < 100; ++hash) CHECK_EQ(set.find_name("a", 0, hash), 1);
  set.set_alive(1, false);
  CHECK_EQ(set.find_name("a", 0), 0);
}

TEST("DNS-5 each target keeps its name, and one that is too long is refused") {
  UpstreamSet set;
  CHECK(set.add(target(1), std::string(255, 'n')));
  CHECK(!set.add(target(2), std::string(256, 'n')));
  CHECK(set.add(target(3), ""));
  CHECK_EQ(set.name(0), std::string(255, 'n'));
  CHECK_EQ(set.name(1), std::string());
}

TEST("DNS-5 targets already tried are skipped, until none is left") {
  UpstreamSet set = weighted({1, 1, 1});
  set.add(target(9, 5), "later");
  for (uint64_t hash = 0; hash < 100; ++hash) {
    uint64_t tried = 0;
    for (int round = 0; round < 4; ++round) {
      const int picked = set.pick(hash, tried);
      CHECK(picked >= 0 && (tried >> picked & 1) == 0);
      if (round == 3) CHECK_EQ(picked, 3);
      tried |= uint64_t{1} << picked;
    }
    CHECK_EQ(set.pick(hash, tried), -1);
  }
}

}  // namespace sluice::upstream_set_test
