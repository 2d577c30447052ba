// Phones that have registered here, by the hash of their address of record, or were told when to come back, by another one. Eight of them share a line of
// the cache; when it is full, another line takes what does not fit, and when both are, they replace each other: a phone that is forgotten only
// waits longer in a storm. One that has been told twice has turns before those that were told once.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace sluice {

class PhoneMemory {
 public:
  static constexpr size_t kMost = 1u << 21;  // places; 16 MB

  // Has the caches fetch what is known about it.
  void fetch(uint32_t phone) const noexcept { __builtin_prefetch(&places_[line_of(phone)], 1); }
  void registered(uint32_t phone) noexcept {
    if (phone != 0) put(phone, 0, 0);
  }
  // It comes back at that second. `again`: it has been told before, and came.
  void told(uint32_t phone, uint32_t second, bool again) noexcept {
    if (phone != 0) put(phone, second == 0 ? 1 : second, again ? kTurns : 0);
  }
  // It has come back, and is in.
  void forget_told(uint32_t phone) noexcept {
    if (const size_t at = find(phone, phone); at != kNowhere) places_[at].second = places_[at].turns = 0;
  }
  // It has used one of its turns.
  void took_turn(uint32_t phone) noexcept {
    if (const size_t at = find(phone, phone); at != kNowhere && places_[at].turns > 0) --places_[at].turns;
  }

  bool knows(uint32_t phone) const noexcept { return find(phone, phone) != kNowhere; }
  // 0: it was told nothing.
  uint32_t comes_back(uint32_t phone) const noexcept {
    const size_t at = find(phone, phone);
    return at == kNowhere ? 0 : places_[at].second;
  }
  // Before those that were told once.
  uint32_t turns(uint32_t phone) const noexcept {
    const size_t at = find(phone, phone);
    return at == kNowhere ? 0 : places_[at].turns;
  }

 private:
  static constexpr size_t kWays = 8;
  static constexpr size_t kNowhere = SIZE_MAX;
  // Two: the registrar challenges the first REGISTER, the second has credentials.
  static constexpr uint32_t kTurns = 2;

  struct Place {
    uint32_t phone = 0;  // 0: free
    uint32_t second : 30 = 0;
    uint32_t turns : 2 = 0;
  };

  size_t line_of(uint32_t phone) const noexcept { return phone % (places_.size() / kWays) * kWays; }
  // For what does not fit into its line.
  size_t other_line_of(uint32_t phone) const noexcept { return line_of(phone * 0x9E3779B1u >> 8); }
  // Where `wanted` (0: nobody) is in the line of this phone or, if that is full, in the other one.
  size_t find(uint32_t phone, uint32_t wanted) const noexcept {
    if (phone == 0) return kNowhere;
    for (size_t at = line_of(phone), end = at + kWays; at < end; ++at) {
      if (places_[at].phone == wanted) return at;
      if (places_[at].phone == 0) return kNowhere;
    }
    for (size_t at = other_line_of(phone), end = at + kWays; at < end; ++at)
      if (places_[at].phone == wanted) return at;
    return kNowhere;
  }
  void put(uint32_t phone, uint32_t second, uint32_t turns) noexcept {
    size_t at = place_for(phone);
    if (places_[at].phone == 0 && ++used_ * 2 > places_.size() && places_.size() < kMost) {
      grow();
      at = place_for(phone);
    }
    places_[at].phone = phone;
    places_[at].second = second & ((1u << 30) - 1);
    places_[at].turns = turns & 3;
  }
  size_t place_for(uint32_t phone) const noexcept {
    if (const size_t known = find(phone, phone); known != kNowhere) return known;
    if (const size_t free = find(phone, 0); free != kNowhere) return free;
    // One that was only registered here (0) is missed less than one that comes back when it was told to, and of those the one whose time came
    // first is missed least.
    size_t least = line_of(phone);
    for (const size_t line : {line_of(phone), other_line_of(phone)})
      for (size_t at = line; at < line + kWays; ++at)
        if (places_[at].second < places_[least].second) least = at;
    return least;
  }
  void grow() noexcept {
    std::vector<Place> before(places_.size() * 4);
    before.swap(places_);
    for (const Place& place : before)
      if (place.phone != 0) places_[place_for(place.phone)] = place;
  }

  std::vector<Place> places_ = std::vector<Place>(1024);
  size_t used_ = 0;
};

}  // namespace sluice
