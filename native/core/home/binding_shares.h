// How many bindings each source has made, and of how many octets: a registrar without authentication lets anyone make up addresses, and no
// one source may fill the table. Sources are counted by a keyed hash of SourceKey; two with the same hash share one part.
#pragma once

#include <atomic>

#include "core/base/zeroed.h"
#include "core/crypto/siphash.h"
#include "core/flow/source_shares.h"

namespace sluice {

class BindingShares {
 public:
  explicit BindingShares(const SipKey& key) noexcept : key_(key) {}

  // A binding keeps this number, also on disk: the key must stay the same. 0 is nobody and has no limit.
  uint16_t place_of(const Address& source) const noexcept {
    const SourceKey of(source);
    return static_cast<uint16_t>(siphash(key_, &of, sizeof of) % (kPlaces - 1) + 1);
  }

  void take(uint16_t place, size_t octets) noexcept {
    if (place == 0) return;
    parts_[place].bindings.fetch_add(1, std::memory_order_relaxed);
    parts_[place].octets.fetch_add(octets, std::memory_order_relaxed);
  }
  void give(uint16_t place, size_t octets) noexcept {
    if (place == 0) return;
    parts_[place].bindings.fetch_sub(1, std::memory_order_relaxed);
    parts_[place].octets.fetch_sub(octets, std::memory_order_relaxed);
  }

  uint64_t bindings(uint16_t place) const noexcept { return parts_[place].bindings.load(std::memory_order_relaxed); }
  uint64_t octets(uint16_t place) const noexcept { return parts_[place].octets.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kPlaces = 1u << 16;

  struct Part {
    std::atomic<uint64_t> bindings{0};
    std::atomic<uint64_t> octets{0};
  };

  SipKey key_;
  Zeroed<Part> parts_ = zeroed<Part>(kPlaces);
};

}  // namespace sluice
