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

  static constexpr size_t kMost = 1u << 18;  // in 10 MB

  // Forgets all, and takes room for `count`. False: that is more than there may be, so some will replace others.
  bool start_over(size_t count) noexcept;

  // What find() is asked with: something else is done until the entry has been fetched from a large memory.
  uint64_t expect(Text user, Text realm, DigestAlgorithm algorithm) const noexcept {
    const uint64_t name = name_of(user, realm, algorithm);
    if (sets_ != nullptr) __builtin_prefetch(&sets_[place_of(name)]);
    return name;
  }
  // digest_size() octets; nullptr: unknown.
  const uint8_t* find(uint64_t name) const noexcept;
  const uint8_t* find(Text user, Text realm, DigestAlgorithm algorithm) const noexcept { return find(name_of(user, realm, algorithm)); }
  // True: another one was replaced.
  bool learn(Text user, Text realm, DigestAlgorithm algorithm, const uint8_t* ha1) noexcept;
  // Three lines for each: user, realm, and the HA1 in hexadecimal digits, whose number says which algorithm it is of. How many others were
  // replaced.
  size_t learn_lines(Text lines) noexcept;
  void forget() noexcept;

 private:
  static constexpr size_t kWays = 8;
  static constexpr size_t kUsual = 1u << 15;

  // Two cache lines for each look.
  struct alignas(64) Set {
    uint64_t names[kWays];  // 0: empty
    uint8_t ha1s[kWays][kMaxDigest];
  };

  // Half full at most, or some sets would overflow long before the others are full.
  static size_t sets_for(size_t count) noexcept;

  uint64_t name_of(Text user, Text realm, DigestAlgorithm algorithm) const noexcept;
  // The lowest bit of a name is always set.
  size_t place_of(uint64_t name) const noexcept { return (name >> 1) % count_; }

  SipKey key_;
  size_t count_ = sets_for(kUsual);
  Zeroed<Set> sets_;
};

}  // namespace sluice
