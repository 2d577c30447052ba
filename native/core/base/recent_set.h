// What happened a moment ago, by hash; all threads read and write it without a lock. When two hashes share a place the newer one wins,
// so the set may forget, but it never grows.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace sluice {

class RecentSet {
 public:
  // Times in seconds; at most kLongest of memory.
  static constexpr uint32_t kLongest = 3600;

  void add(uint64_t hash, uint32_t now) noexcept { place(hash).store(entry(hash, now), std::memory_order_relaxed); }

  void remove(uint64_t hash) noexcept {
    std::atomic<uint64_t>& at = place(hash);
    if (same(at.load(std::memory_order_relaxed), hash)) at.store(0, std::memory_order_relaxed);
  }

  // Whether it was added within the last `memory` seconds.
  bool holds(uint64_t hash, uint32_t now, uint32_t memory) const noexcept {
    const uint64_t kept = places_[hash % kPlaces].load(std::memory_order_relaxed);
    return kept != 0 && same(kept, hash) && static_cast<uint16_t>(now - static_cast<uint32_t>(kept & 0xFFFF)) < memory;
  }

 private:
  static constexpr size_t kPlaces = 16'384;

  // 48 bits of the hash, 16 of the time.
  static uint64_t entry(uint64_t hash, uint32_t now) noexcept { return (hash & ~uint64_t{0xFFFF}) | (now & 0xFFFF); }
  static bool same(uint64_t kept, uint64_t hash) noexcept { return (kept ^ hash) >> 16 == 0; }
  std::atomic<uint64_t>& place(uint64_t hash) noexcept { return places_[hash % kPlaces]; }

  std::array<std::atomic<uint64_t>, kPlaces> places_{};
};

}  // namespace sluice
