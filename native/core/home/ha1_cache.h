// The HA1s, hashes of `user:realm:password` (RFC 7616 3.4.2), by which logins are checked here, so that they need not be looked up again
// until the users change. Bounded: newer ones replace older ones. Names are stored as keyed hashes.
#pragma once

#include "core/base/zeroed.h"
#include "core/crypto/siphash.h"
#include "core/home/digest.h"

namespace sluice {

class Ha1Cache {
 public:
  explicit Ha1Cache(const SipKey& key) noexcept : key_(key) {}
  ~Ha1Cache() { forget(); }

  static constexpr size_t kMost = 1u << 18;  // in 12 MB, and as much again until what was there before is wiped

  // Forgets all, and takes room for `count`. False: that is more than there may be, so some will replace others. What was there is in memory until
  // wipe() has said that nothing is left.
  bool start_over(size_t count) noexcept;
  // Wipes a part of that, some tens of microseconds of it. True: something is left.
  bool wipe() noexcept;

  // What find() is asked with: something else is done until the entry has been fetched from a large memory.
  uint64_t expect(Text user, Text realm, DigestAlgorithm algorithm) const noexcept {
    const uint64_t name = name_of(user, realm, algorithm);
    if (sets_ != nullptr) __builtin_prefetch(&sets_[place_of(name)]);
    return name;
  }
  // digest_size() octets; nullptr: unknown, or too old at this tick of the clock.
  const uint8_t* find(uint64_t name, uint32_t tick) const noexcept;
  const uint8_t* find(Text user, Text realm, DigestAlgorithm algorithm, uint32_t tick = 0) const noexcept { return find(name_of(user, realm, algorithm), tick); }
  // `until`: the tick at which it is too old; 0: never. True: another one was replaced.
  bool learn(Text user, Text realm, DigestAlgorithm algorithm, const uint8_t* ha1, uint32_t until = 0) noexcept;
  // Three lines for each: user, realm, and the HA1 in hexadecimal digits, whose number says which algorithm it is of; none: what is known of that
  // user is forgotten. How many others were replaced.
  size_t learn_lines(Text lines, uint32_t until = 0) noexcept;
  void forget() noexcept;

 private:
  static constexpr size_t kWays = 8;
  static constexpr size_t kUsual = 1u << 15;

  // Three cache lines for each look.
  struct alignas(64) Set {
    uint64_t names[kWays];  // 0: empty
    uint32_t until[kWays];
    uint8_t ha1s[kWays][kMaxDigest];
  };

  // Half full at most, or some sets would overflow long before the others are full.
  static size_t sets_for(size_t count) noexcept;

  uint64_t name_of(Text user, Text realm, DigestAlgorithm algorithm) const noexcept;
  // The lowest bit of a name is always set.
  size_t place_of(uint64_t name) const noexcept { return (name >> 1) % count_; }
  void forget(Text user, Text realm, DigestAlgorithm algorithm) noexcept;

  SipKey key_;
  size_t count_ = sets_for(kUsual);
  Zeroed<Set> sets_;
  // Of before, and how many of them are not wiped yet.
  Zeroed<Set> old_;
  size_t old_count_ = 0;
};

}  // namespace sluice
