// A hash index that grows by one chain at a time.
#include "core/base/hash_chains.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include "check.h"

namespace sluice::hash_chains_test {

struct Links {
  std::vector<HashLink>* all;
  size_t* looks;  // how often a link was looked at
  HashLink& link(uint32_t index) const noexcept { return ++*looks, (*all)[index]; }
};

uint64_t scattered(uint64_t number) { return number * 0x9E37'79B9'7F4A'7C15u >> 20; }

TEST("a hash index finds what is in it, the newest of the same hash first, however far it has grown") {
  constexpr uint32_t kMany = 20'000, kTwins = 3;
  std::vector<HashLink> all(kMany * kTwins + 1);
  size_t looks = 0;
  HashChains<Links> chains(Links{&all, &looks});
  for (uint32_t i = 1; i <= kMany * kTwins; ++i) chains.add(i, scattered(i % kMany));
  CHECK_EQ(chains.size(), size_t{kMany * kTwins});
  for (uint32_t i = 0; i < kMany; ++i) {
    const uint32_t newest = chains.find(scattered(i));
    CHECK_EQ(newest % kMany, i);
    CHECK(newest > kMany * (kTwins - 1));
    const uint32_t older = chains.after(newest), oldest = chains.after(older);
    CHECK_EQ(older, newest - kMany);
    CHECK_EQ(oldest, newest - 2 * kMany);
    CHECK_EQ(chains.after(oldest), 0u);
  }
  std::set<uint32_t> seen;
  chains.each([&](uint32_t index) { seen.insert(index); });
  CHECK_EQ(seen.size(), size_t{kMany * kTwins});
  for (uint32_t i = 3; i <= kMany * kTwins; i += 3) chains.remove(i);
  for (uint32_t i = 1; i <= kMany; ++i) {
    uint32_t left = 0;
    for (uint32_t at = chains.find(scattered(i % kMany)); at != 0; at = chains.after(at), ++left) CHECK(at % 3 != 0);
    CHECK_EQ(left, 2u);
  }
}

TEST("no object that is added to a hash index pays for all others") {
  constexpr uint32_t kMany = 100'000;
  std::vector<HashLink> all(kMany + 1);
  size_t looks = 0, most = 0;
  HashChains<Links> chains(Links{&all, &looks});
  for (uint32_t i = 1; i <= kMany; ++i) {
    const size_t before = looks;
    chains.add(i, scattered(i));
    most = std::max(most, looks - before);
  }
  CHECK(most < 100);
}

}  // namespace sluice::hash_chains_test
