#include "core/flow/reservations.h"

namespace sluice {
namespace {

// Without the first one, if that is for no request.
std::span<const SourceShares::Wanted> of_both(const SourceShares::Wanted (&both)[2], uint64_t requests) noexcept {
  return std::span(both).subspan(requests == 0 ? 1 : 0);
}

uint64_t part_of(uint64_t limit, Room room) noexcept { return limit - limit / 8 * (8 - static_cast<uint64_t>(room)); }

}  // namespace

Reservations::~Reservations() noexcept {
  for (uint32_t place = 1; place < entries_.size(); ++place) give(place);
}

Grant Reservations::take(const Address& source, uint64_t requests, uint64_t octets, Room room, bool exempt, const ReservationLimits& limits, uint32_t& place) noexcept {
  const auto asked = [&](Holding what, uint64_t amount, uint64_t all, uint64_t each) {
    return SourceShares::Wanted{what, amount, {part_of(all, room), exempt ? UINT64_MAX : part_of(each, room)}};
  };
  const SourceShares::Wanted wanted[] = {asked(Holding::transaction, requests, limits.requests, limits.requests_per_source),
                                         asked(Holding::transaction_octets, octets, limits.octets, limits.octets_per_source)};
  SourceShares::Place share = nullptr;
  const Grant grant = shares_.take(of_both(wanted, requests), source, share);
  if (grant != Grant::given) return grant;
  if (free_.empty()) {
    place = static_cast<uint32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    place = free_.back();
    free_.pop_back();
  }
  entries_[place] = Entry{share, requests, octets, true};
  return Grant::given;
}

void Reservations::give(uint32_t place) noexcept {
  if (octets_of(place) == 0) return;
  Entry& entry = entries_[place];
  entry.is_taken = false;
  const SourceShares::Wanted given[] = {{Holding::transaction, entry.requests, {}}, {Holding::transaction_octets, entry.octets, {}}};
  shares_.give(of_both(given, entry.requests), entry.share);
  free_.push_back(place);
}

}  // namespace sluice
