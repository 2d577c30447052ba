// Phones that have registered here, or were told when to come back, by the hash of their address of record. Phones on the same place
// replace each other: a phone that is forgotten only waits longer in a storm.
#pragma once

#include <cstdint>
#include <vector>

namespace sluice {

class PhoneMemory {
 public:
  static constexpr size_t kMost = 1u << 20;  // places; 8 MB

  void registered(uint32_t phone) noexcept { note(phone, 0); }
  // It comes back at that second.
  void told(uint32_t phone, uint32_t second) noexcept { note(phone, second == 0 ? 1 : second); }

  bool knows(uint32_t phone) const noexcept { return places_[phone & mask()].phone == phone; }
  // 0: it was told nothing.
  uint32_t comes_back(uint32_t phone) const noexcept { return knows(phone) ? places_[phone & mask()].second : 0; }

 private:
  struct Place {
    uint32_t phone = 0;
    uint32_t second = 0;
  };

  uint32_t mask() const noexcept { return static_cast<uint32_t>(places_.size() - 1); }
  void note(uint32_t phone, uint32_t second) noexcept {
    Place* place = &places_[phone & mask()];
    if (place->phone == 0 && ++used_ * 2 > places_.size() && places_.size() < kMost) {
      grow();
      place = &places_[phone & mask()];
    }
    *place = {phone, second};
  }
  void grow() noexcept {
    std::vector<Place> before(places_.size() * 4);
    before.swap(places_);
    for (const Place& place : before)
      if (place.phone != 0) places_[place.phone & mask()] = place;
  }

  std::vector<Place> places_ = std::vector<Place>(1024);
  size_t used_ = 0;
};

}  // namespace sluice
