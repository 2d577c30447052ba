// What the object path holds for the requests of each source, in number and in octets. It belongs to one shard, so that everything is
// given back when the shard ends; the limits apply to the process.
#pragma once

#include <vector>

#include "core/base/layout.h"
#include "core/flow/source_shares.h"

namespace sluice {

// How full the places may be for a request to be admitted, in eighths. Later kinds in this list find room when earlier ones find none:
// a flood of one kind leaves room for the next.
enum class Room : uint8_t { opening = k_room_opening, registering = k_room_registering, known = k_room_known, ending = k_room_ending };

struct ReservationLimits {
  uint64_t requests = 100'000;
  uint64_t requests_per_source = 10'000;
  uint64_t octets = 256u << 20;
  uint64_t octets_per_source = 32u << 20;
};

class Reservations {
 public:
  explicit Reservations(SourceShares& shares) noexcept : shares_(shares) {}
  ~Reservations() noexcept;
  Reservations(const Reservations&) = delete;
  Reservations& operator=(const Reservations&) = delete;

  // `requests`: 1, or 0 for a copy of one already counted. `exempt`: a neighbour, which speaks for many and has no share of its own.
  // `place` receives what to give back later; it is never 0.
  Grant take(const Address& source, uint64_t requests, uint64_t octets, Room room, bool exempt, const ReservationLimits& limits, uint32_t& place) noexcept;
  void give(uint32_t place) noexcept;
  // 0: nothing is reserved there.
  uint64_t requests_of(uint32_t place) const noexcept { return octets_of(place) == 0 ? 0 : entries_[place].requests; }
  uint64_t octets_of(uint32_t place) const noexcept { return place < entries_.size() && entries_[place].is_taken ? entries_[place].octets : 0; }

 private:
  struct Entry {
    SourceShares::Place share = nullptr;
    uint64_t requests = 0;
    uint64_t octets = 0;
    bool is_taken = false;
  };

  SourceShares& shares_;
  std::vector<Entry> entries_{1};
  std::vector<uint32_t> free_;
};

}  // namespace sluice
