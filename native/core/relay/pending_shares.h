// How much of a memory each source uses, of the pending table for example. This runs for every remembered request, so sources are counted by a hash keyed with a
// secret of the shard, without a lock: sources with the same hash share one part.
#pragma once

#include <array>
#include <cstring>

#include "core/crypto/siphash.h"
#include "core/flow/source_shares.h"

namespace sluice {

class PendingShares {
 public:
  explicit PendingShares(const SipKey& secret) noexcept : high_(secret.k0 | 1), low_(secret.k1 | 1) {}

  static constexpr size_t kPlaces = 8192;

  // 1 to kPlaces - 1: 0 means nobody and is not counted.
  uint16_t place_of(const Address& source) const noexcept {
    const SourceKey key(source);
    const uint64_t hash = (key.high ^ low_) * high_ + (key.low ^ high_) * low_;
    return static_cast<uint16_t>((hash >> 40) % (kPlaces - 1) + 1);
  }

  void take(uint16_t place, uint32_t amount = 1) noexcept {
    if (place != 0) held_[place] += amount;
  }
  void give(uint16_t place, uint32_t amount = 1) noexcept {
    if (place != 0) held_[place] -= amount;
  }
  void clear() noexcept { held_.fill(0); }
  uint32_t held(uint16_t place) const noexcept { return held_[place]; }

 private:
  uint64_t high_;
  uint64_t low_;
  std::array<uint32_t, kPlaces> held_{};
};

}  // namespace sluice
