#include "core/flow/reservations.h"

namespace sluice {
namespace {

uint64_t part_of(uint64_t limit, Room room) noexcept { return limit - limit / 8 * (8 - static_cast<uint64_t>(room)); }

}  // namespace

Reservations::~Reservations() noexcept {
  for (uint32_t place = 1; place < entries_.size(); ++place) give(place);
}

Grant Reservations::take(const Address& source, uint64_t requests, uint64_t octets, Room room, bool exempt, const ReservationLimits& limits, uint32_t& place) noexcept {
  const ShareLimit number{part_of(limits.requests, room), exempt ? UINT64_MAX : part_of(limits.requests_per_source, room)};
  const ShareLimit memory{part_of(limits.octets, room), exempt ? UINT64_MAX : part_of(limits.octets_per_source, room)};
  Grant grant = requests == 0 ? Grant::given : shares_.take(Holding::transaction, source, requests, number);
  if (grant != Grant::given) return grant;
  grant = shares_.take(Holding::transaction_octets, source, octets, memory);
  if (grant != Grant::given) {
    if (requests != 0) shares_.give(Holding::transaction, source, requests);
    return grant;
  }
  if (free_.empty()) {
    place = static_cast<uint32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    place = free_.back();
    free_.pop_back();
  }
  entries_[place] = Entry{source, requests, octets, true};
  return Grant::given;
}

void Reservations::give(uint32_t place) noexcept {
  if (octets_of(place) == 0) return;
  Entry& entry = entries_[place];
  entry.is_taken = false;
  if (entry.requests != 0) shares_.give(Holding::transaction, entry.source, entry.requests);
  shares_.give(Holding::transaction_octets, entry.source, entry.octets);
  free_.push_back(place);
}

}  // namespace sluice
