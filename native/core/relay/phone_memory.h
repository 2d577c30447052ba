// Phones that have registered here, or were told when to come back, by the hash of their address of record. Eight of them share a line of
// the cache and replace each other when it is full: a phone that is forgotten only waits longer in a storm.
#pragma once

#include <cstdint>
#include <vector>

namespace sluice {

class PhoneMemory {
 public:
  static constexpr size_t kMost = 1u << 21;  // places; 16 MB

  void registered(uint32_t phone) noexcept { note(phone, 0); }
  // It comes back at that second.
  void told(uint32_t phone, uint32_t second) noexcept { note(phone, second == 0 ? 1 : second); }

  bool knows(uint32_t phone) const noexcept { return find(phone) != nullptr; }
  // 0: it was told nothing.
  uint32_t comes_back(uint32_t phone) const noexcept {
    const Place* place = find(phone);
    return place == nullptr ? 0 : place->second;
  }

 private:
  static constexpr size_t kWays = 8;

  struct Place {
    uint32_t phone = 0;  // 0: free
    uint32_t second = 0;
  };

  size_t line_of(uint32_t phone) const noexcept { return phone % (places_.size() / kWays) * kWays; }
  const Place* find(uint32_t phone) const noexcept {
    const Place* line = &places_[line_of(phone)];
    for (size_t i = 0; i < kWays; ++i)
      if (line[i].phone == phone && phone != 0) return &line[i];
    return nullptr;
  }
  void note(uint32_t phone, uint32_t second) noexcept {
    if (phone == 0) return;
    Place* place = place_for(phone);
    if (place->phone == 0 && ++used_ * 2 > places_.size() && places_.size() < kMost) {
      grow();
      place = place_for(phone);
    }
    *place = {phone, second};
  }
  Place* place_for(uint32_t phone) noexcept {
    Place* line = &places_[line_of(phone)];
    for (size_t i = 0; i < kWays; ++i)
      if (line[i].phone == phone) return &line[i];
    for (size_t i = 0; i < kWays; ++i)
      if (line[i].phone == 0) return &line[i];
    // One that was only registered here is missed less than one that comes back when it was told to.
    for (size_t i = 0; i < kWays; ++i)
      if (line[i].second == 0) return &line[i];
    return &line[phone >> 16 & (kWays - 1)];
  }
  void grow() noexcept {
    std::vector<Place> before(places_.size() * 4);
    before.swap(places_);
    for (const Place& place : before)
      if (place.phone != 0) *place_for(place.phone) = place;
  }

  std::vector<Place> places_ = std::vector<Place>(1024);
  size_t used_ = 0;
};

}  // namespace sluice
