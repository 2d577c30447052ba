// Digest nonces: whom they are for, and that no count is accepted twice.
#include "core/home/nonce_table.h"

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "check.h"

namespace sluice::nonce_table_test {
namespace {

constexpr uint64_t kLife = 300'000;

std::array<uint8_t, 64> seed_of(uint8_t first) {
  std::array<uint8_t, 64> seed;
  for (size_t i = 0; i < seed.size(); ++i) seed[i] = static_cast<uint8_t>(first + i * 7);
  return seed;
}

NonceTable table_of(uint8_t first, uint32_t capacity = 4'096) { return NonceTable(seed_of(first).data(), 0, capacity); }

Address client(const char* ip) {
  Address address;
  parse_ip(ip, address);
  return address;
}

const Address kBob = client("192.0.2.1");

std::string nonce_of(NonceTable& table, uint64_t now = 1'000, Text realm = "example.org", const Address& who = kBob) {
  std::string text(kNonceText, ' ');
  table.make(realm, who, now, text.data());
  return text;
}

}  // namespace

TEST("AU-8 a nonce is valid for its realm, its client and its lifetime") {
  NonceTable table = table_of(1);
  const std::string nonce = nonce_of(table);
  CHECK(table.is_fresh(nonce, "example.org", kBob, 1'000, kLife));
  CHECK(table.is_fresh(nonce, "example.org", kBob, 1'000 + kLife, kLife));
  CHECK(!table.is_fresh(nonce, "example.org", kBob, 1'001 + kLife, kLife));
  CHECK(!table.is_fresh(nonce, "example.org", kBob, 999, kLife));
  CHECK(!table.is_fresh(nonce, "example.net", kBob, 1'000, kLife));
  CHECK(!table.is_fresh(nonce, "example.org", client("192.0.2.2"), 1'000, kLife));
  const std::string six = nonce_of(table, 1'000, "example.org", client("2001:db8:1:2::1"));
  CHECK(table.is_fresh(six, "example.org", client("2001:db8:1:2:ffff::9"), 1'000, kLife));
  CHECK(!table.is_fresh(six, "example.org", client("2001:db8:1:3::1"), 1'000, kLife));
}

TEST("AU-8 nonces of another process, altered ones and other spellings are not ours") {
  NonceTable table = table_of(1), other = table_of(2);
  CHECK(!table.is_fresh(nonce_of(other), "example.org", kBob, 1'000, kLife));
  const std::string nonce = nonce_of(table);
  for (size_t at = 0; at < nonce.size(); ++at) {
    std::string changed = nonce;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    CHECK(!table.is_fresh(changed, "example.org", kBob, 1'000, kLife));
  }
  for (const std::string& text : {std::string(), nonce + "=", nonce + "A", nonce.substr(1), std::string(3'000, 'x')})
    CHECK(!table.is_fresh(text, "example.org", kBob, 1'000, kLife));
}

TEST("AU-9 nodes that share a key accept each other's nonces for a few seconds, but none from before their start") {
  constexpr uint64_t kStart = 50'000;
  const std::string key(32, 'k'), older(32, 'o');
  NonceTable one(seed_of(1).data(), 0), other(seed_of(2).data(), kStart), stranger(seed_of(3).data(), 0);
  one.set_keys({key});
  other.set_keys({older, key});
  const auto takes = [&](const std::string& nonce, uint64_t now) { return other.is_fresh(nonce, "example.org", kBob, now, kLife); };
  const std::string nonce = nonce_of(one, kStart + 20'000);
  CHECK(takes(nonce, kStart + 20'000));
  CHECK(takes(nonce, kStart + 30'000));
  CHECK(!takes(nonce, kStart + 30'001));
  // The other node's clock may be ahead.
  CHECK(takes(nonce, kStart + 10'000));
  CHECK(!takes(nonce, kStart + 9'999));
  CHECK(!other.is_fresh(nonce, "example.org", client("192.0.2.2"), kStart + 20'000, kLife));
  CHECK(!other.is_fresh(nonce, "example.net", kBob, kStart + 20'000, kLife));
  CHECK(!other.is_fresh(nonce, "example.org", kBob, kStart + 20'002, 1));
  CHECK(!takes(nonce_of(one, kStart), kStart));
  CHECK(takes(nonce_of(one, kStart + 1), kStart + 1));
  CHECK(!takes(nonce_of(stranger, kStart + 20'000), kStart + 20'000));
  // Each count is valid once here, as for its own nonces.
  CHECK(other.use(nonce, "bob", 1));
  CHECK(!other.use(nonce, "bob", 1));
  // Its own nonces stay valid while keys change, as long as the old key is kept.
  const std::string own = nonce_of(other, kStart + 100);
  other.set_keys({key, older});
  CHECK(other.is_fresh(own, "example.org", kBob, kStart + 100 + kLife, kLife));
  other.set_keys({key});
  CHECK(!other.is_fresh(own, "example.org", kBob, kStart + 100, kLife));
}

TEST("AU-9 each user can use a count once, even when requests overtake each other") {
  NonceTable table = table_of(1);
  const std::string nonce = nonce_of(table);
  CHECK(!table.use(nonce, "bob", 0));
  const std::vector<uint32_t> counts = {1, 5, 3, 4, 500, 437, 436, 0xffffffff, 0xfffffffe};
  const std::vector<bool> good = {true, true, true, true, true, true, false, true, true};
  for (size_t i = 0; i < counts.size(); ++i) {
    CHECK_EQ(table.use(nonce, "bob", counts[i]), bool{good[i]});
    CHECK(!table.use(nonce, "bob", counts[i]));
  }
  CHECK(table.use(nonce, "alice", 1));
  CHECK(!table.use("not a nonce", "bob", 1));
}

TEST("AU-9 a nonce forgotten to make room counts as used, and newer ones are not affected") {
  NonceTable table = table_of(1, 16);
  std::vector<std::string> nonces;
  for (uint64_t now = 0; now < 20'000; ++now) {
    nonces.push_back(nonce_of(table, now));
    CHECK(table.use(nonces.back(), "bob", 1));
  }
  CHECK_EQ(table.held(), uint64_t{16 * 64});
  CHECK_EQ(table.evicted(), uint64_t{20'000 - 16 * 64});
  for (const std::string& nonce : nonces) CHECK(!table.use(nonce, "bob", 1));
  CHECK(table.use(nonces.back(), "bob", 2));
  CHECK(table.use(nonce_of(table, 20'000), "bob", 1));
}

TEST("AU-9 of all threads that use a count at the same time, one succeeds") {
  NonceTable table = table_of(1);
  std::vector<std::string> nonces;
  for (int i = 0; i < 500; ++i) nonces.push_back(nonce_of(table));
  std::array<int, 4> taken{};
  std::vector<std::thread> threads;
  for (size_t mine = 0; mine < taken.size(); ++mine)
    threads.emplace_back([&, mine] {
      for (const std::string& nonce : nonces)
        for (uint32_t count = 1; count <= 20; ++count) taken[mine] += table.use(nonce, "bob", count);
    });
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(taken[0] + taken[1] + taken[2] + taken[3], 500 * 20);
}

}  // namespace sluice::nonce_table_test
