// HA1s of users who have logged in here, the hash of `user:realm:password` (RFC 7616 3.4.2), so that they need not be asked for again while
// the users stay as they are. Bounded: newer ones take the places of older ones. Names are kept as keyed hashes.
#pragma once

#include <memory>

#include "core/crypto/siphash.h"
#include "core/home/digest.h"

namespace sluice {

class Ha1Cache {
 public:
  explicit Ha1Cache(const SipKey& key) noexcept : key_(key) {}
  ~Ha1Cache() { forget(); }

  // digest_size() octets; nullptr: it is not known.
  const uint8_t* find(Text user, Text realm, DigestAlgorithm algorithm) const noexcept;
  void learn(Text user, Text realm, DigestAlgorithm algorithm, const uint8_t* ha1) noexcept;
  void forget() noexcept;

 private:
  static constexpr size_t kSets = 1u << 14;
  static constexpr size_t kWays = 4;

  struct Entry {
    uint64_t name = 0;  // 0: an empty place
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
