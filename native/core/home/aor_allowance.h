// How many events of one address of record the history keeps: 60 at once and one every 20 seconds, more than of any device that works
// (src/history/gate.ts does the same for a shared store). An address is remembered only while it has used some of that up.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice {

class AorAllowance {
 public:
  static constexpr uint32_t kAtOnce = 60;
  static constexpr uint32_t kSecondsEach = 20;

  // `hash` is keyed; `now`: seconds of a clock that never runs back.
  bool takes(uint64_t hash, uint32_t now) {
    if (places_.empty()) places_.resize(kGroups * kWays);
    Place& place = place_of(hash);
    const uint32_t paid = std::max(place.paid_until, now) + kSecondsEach;
    if (paid > now + kAtOnce * kSecondsEach) return false;
    place.paid_until = paid;
    return true;
  }

 private:
  static constexpr size_t kGroups = 4'096;
  static constexpr size_t kWays = 4;

  struct Place {
    uint32_t mark = 0;
    uint32_t paid_until = 0;  // seconds; in the past: nothing is used up
  };

  // A new address takes the place of the one that has used up least.
  Place& place_of(uint64_t hash) noexcept {
    Place* const group = &places_[hash % kGroups * kWays];
    const auto mark = static_cast<uint32_t>(hash >> 32);
    Place* least = group;
    for (Place* place = group; place != group + kWays; ++place) {
      if (place->mark == mark) return *place;
      if (place->paid_until < least->paid_until) least = place;
    }
    *least = Place{mark, 0};
    return *least;
  }

  std::vector<Place> places_;
};

}  // namespace sluice
