// The HA1s, hashes of `user:realm:password` (RFC 7616 3.4.2), of users who have logged in here, so that they need not be looked up again
// until the users change. Bounded: newer ones replace older ones. Names are stored as keyed hashes.
#pragma once

#include <memory>

#include "core/crypto/siphash.h"
#include "core/home/digest.h"

namespace sluice {

class Ha1Cache {
 public:
  explicit Ha1Cache(const SipKey& key) noexcept : key_(key) {}
  ~Ha1Cache() { forget(); }

  // What find() is asked with: something else is done until the entry has been fetched from a large memory.
  uint64_t expect(Text user, Text realm, DigestAlgorithm algorithm) const noexcept {
    const uint64_t name = name_of(user, realm, algorithm);
    if (sets_ != nullptr) __builtin_prefetch(&sets_[name % kSets]);
    return name;
  }
  // digest_size() octets; nullptr: unknown.
  const uint8_t* find(uint64_t name) const noexcept;
  const uint8_t* find(Text user, Text realm, DigestAlgorithm algorithm) const noexcept { return find(name_of(user, realm, algorithm)); }
  void learn(Text user, Text realm, DigestAlgorithm algorithm, const uint8_t* ha1) noexcept;
  void forget() noexcept;

 private:
  static constexpr size_t kSets = 1u << 14;
  static constexpr size_t kWays = 4;

  struct Entry {
    uint64_t name = 0;  // 0: empty
    uint8_t ha1[kMaxDigest];
  };
  struct Set {
    Entry entries[kWays];
    uint32_t next = 0;
  };

  uint64_t name_of(Text user, Text realm, DigestAlgorithm algorithm) const noexcept;

  SipKey key_;
  std::unique_ptr<Set[]> sets_;
};

}  // namespace sluice
