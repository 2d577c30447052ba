// Shares per source: exact across all threads, IPv6 by /64, nothing left over.
#include "core/flow/source_shares.h"

#include <array>
#include <thread>

#include "check.h"

namespace sluice::source_shares_test {
namespace {

Address address(const char* text) {
  Address result;
  CHECK(parse_ip(text, result));
  return result;
}

constexpr ShareLimit kEight{100, 8};

}  // namespace

TEST("TR-21 a source gets its full share, and other sources are not affected") {
  SourceShares shares;
  const Address busy = address("192.0.2.1");
  for (int i = 0; i < 8; ++i) CHECK(shares.take(Holding::connection, busy, 1, kEight) == Grant::given);
  CHECK(shares.take(Holding::connection, busy, 1, kEight) == Grant::source_full);
  CHECK(shares.take(Holding::connection, address("192.0.2.2"), 1, kEight) == Grant::given);
  CHECK(shares.take(Holding::udp_flow, busy, 1, kEight) == Grant::given);
  CHECK_EQ(shares.held(Holding::connection), 9u);
  shares.give(Holding::connection, busy, 1);
  CHECK(shares.take(Holding::connection, busy, 1, kEight) == Grant::given);
}

TEST("TR-21 all addresses of an IPv6 /64 are one source, and so are all ports of an IPv4 address") {
  SourceShares shares;
  const ShareLimit one{100, 1};
  CHECK(shares.take(Holding::connection, address("2001:db8:0:1::1"), 1, one) == Grant::given);
  CHECK(shares.take(Holding::connection, address("2001:db8:0:1:ffff:ffff:ffff:ffff"), 1, one) == Grant::source_full);
  CHECK(shares.take(Holding::connection, address("2001:db8:0:2::1"), 1, one) == Grant::given);
  Address other_port = address("192.0.2.1");
  CHECK(shares.take(Holding::connection, other_port, 1, one) == Grant::given);
  other_port.port = 5060;
  CHECK(shares.take(Holding::connection, other_port, 1, one) == Grant::source_full);
  CHECK(shares.take(Holding::connection, address("192.0.2.2"), 1, one) == Grant::given);
}

TEST("TR-21 all sources together have a limit too, and a refused source leaves no entry") {
  SourceShares shares;
  const ShareLimit limit{1000, 600};
  CHECK(shares.take(Holding::transaction_octets, address("192.0.2.1"), 600, limit) == Grant::given);
  CHECK(shares.take(Holding::transaction_octets, address("192.0.2.2"), 401, limit) == Grant::all_full);
  CHECK(shares.take(Holding::transaction_octets, address("192.0.2.3"), 601, ShareLimit{10'000, 600}) == Grant::source_full);
  CHECK(shares.take(Holding::transaction_octets, address("192.0.2.2"), 400, limit) == Grant::given);
  CHECK_EQ(shares.sources(), 2u);
  shares.give(Holding::transaction_octets, address("192.0.2.1"), 600);
  shares.give(Holding::transaction_octets, address("192.0.2.2"), 400);
  CHECK_EQ(shares.held(Holding::transaction_octets), 0u);
  CHECK_EQ(shares.sources(), 0u);
}

TEST("TR-21 what is taken together is given together, all or nothing, and needs no look-up") {
  SourceShares shares;
  const Address source = address("192.0.2.1");
  const auto wanted = [](uint64_t number, uint64_t octets) {
    return std::array{SourceShares::Wanted{Holding::transaction, number, {10, 4}}, SourceShares::Wanted{Holding::transaction_octets, octets, {1'000, 600}}};
  };
  SourceShares::Place first = nullptr, second = nullptr, none = nullptr;
  CHECK(shares.take(wanted(1, 100), source, first) == Grant::given);
  CHECK(shares.take(wanted(2, 500), source, second) == Grant::given);
  CHECK(first != nullptr && first == second);
  CHECK(shares.take(wanted(1, 1), source, none) == Grant::source_full);
  CHECK(shares.take(wanted(2, 0), source, none) == Grant::source_full);
  CHECK(shares.take(wanted(1, 401), address("192.0.2.2"), none) == Grant::all_full);
  CHECK(none == nullptr);
  CHECK_EQ(shares.sources(), 1u);
  CHECK_EQ(shares.held(Holding::transaction), 3u);
  CHECK_EQ(shares.held(Holding::transaction_octets), 600u);
  // Others come and go meanwhile.
  for (int i = 0; i < 1'000; ++i) {
    Address other = address("198.51.100.0");
    other.ip[14] = static_cast<uint8_t>(i >> 8);
    other.ip[15] = static_cast<uint8_t>(i);
    CHECK(shares.take(Holding::connection, other, 1, ShareLimit()) == Grant::given);
  }
  shares.give(wanted(1, 100), first);
  CHECK_EQ(shares.held_by(Holding::transaction, source), 2u);
  shares.give(wanted(2, 500), second);
  CHECK_EQ(shares.held_by(Holding::transaction_octets, source), 0u);
  CHECK_EQ(shares.held(Holding::transaction), 0u);
  CHECK_EQ(shares.sources(), 1'000u);
}

TEST("TR-21 four threads never get more than the limit, and the count is exact afterwards") {
  SourceShares shares;
  const Address source = address("192.0.2.1");
  const ShareLimit limit{100'000, 50};
  std::atomic<int> now{0};
  std::atomic<int> most{0};
  const auto work = [&] {
    for (int i = 0; i < 20'000; ++i) {
      if (shares.take(Holding::connection, source, 1, limit) != Grant::given) continue;
      const int held = ++now;
      for (int seen = most; held > seen && !most.compare_exchange_weak(seen, held);) continue;
      if (i % 3 == 0) std::this_thread::yield();
      --now;
      shares.give(Holding::connection, source, 1);
    }
  };
  std::thread threads[] = {std::thread(work), std::thread(work), std::thread(work), std::thread(work)};
  for (std::thread& thread : threads) thread.join();
  CHECK(most.load() >= 1 && most.load() <= 50);
  CHECK_EQ(shares.held(Holding::connection), 0u);
  CHECK_EQ(shares.sources(), 0u);
}

}  // namespace sluice::source_shares_test
