#include "core/relay/waiting_room.h"

#include <algorithm>
#include <utility>

namespace sluice {

uint32_t WaitingRoom::add(int lane, Rank rank, const Source& source, Text head, Text body, uint32_t entry, uint64_t since) noexcept {
  KeptOctets octets;
  if (!octets.keep(head, body)) return 0;
  uint32_t place = free_;
  if (place != 0) {
    free_ = places_[place].younger;
  } else {
    place = static_cast<uint32_t>(places_.size());
    places_.emplace_back();
  }
  Place& one = places_[place];
  one.source = source;
  one.octets = std::move(octets);
  one.since = since;
  one.entry = entry;
  one.rank = rank;
  one.lane = static_cast<int8_t>(lane);
  one.share = shares_.place_of(source.remote);
  shares_.take(one.share);
  octets_ += one.octets.size();
  ++size_;
  join(place);
  return place;
}

void WaitingRoom::join(uint32_t place) noexcept {
  Place& one = places_[place];
  Ages& ages = ages_[static_cast<size_t>(one.lane)];
  one.older = ages.tail;
  one.younger = one.behind = 0;
  (ages.tail != 0 ? places_[ages.tail].younger : ages.head) = place;
  ages.tail = place;
  ++line(one.lane, one.rank).size;
  const uint64_t name = name_of(one.lane, one.rank, one.share);
  if (const uint32_t first = firsts_.find(name); first != 0) {
    places_[places_[first].last].behind = place;
    places_[first].last = place;
    ++places_[first].held;
    return;
  }
  one.last = place;
  one.held = 1;
  ++sources_;
  ++line(one.lane, one.rank).sources;
  firsts_.add(place, name);
  take_turn(place);
}

// After all other sources.
void WaitingRoom::take_turn(uint32_t place) noexcept {
  Place& one = places_[place];
  Line& turns = line(one.lane, one.rank);
  one.before = turns.tail;
  one.after = 0;
  (turns.tail != 0 ? places_[turns.tail].after : turns.head) = place;
  turns.tail = place;
}

void WaitingRoom::remove(uint32_t place) noexcept {
  Place& one = places_[place];
  Ages& ages = ages_[static_cast<size_t>(one.lane)];
  Line& turns = line(one.lane, one.rank);
  (one.older != 0 ? places_[one.older].younger : ages.head) = one.younger;
  (one.younger != 0 ? places_[one.younger].older : ages.tail) = one.older;
  (one.before != 0 ? places_[one.before].after : turns.head) = one.after;
  (one.after != 0 ? places_[one.after].before : turns.tail) = one.before;
  --turns.size;
  const uint64_t name = one.same.hash;
  firsts_.remove(place);
  if (one.behind != 0) {
    Place& next = places_[one.behind];
    next.last = one.last;
    next.held = one.held - 1;
    firsts_.add(one.behind, name);
    take_turn(one.behind);
  } else {
    --turns.sources;
    --sources_;
  }
  shares_.give(one.share);
  octets_ -= one.octets.size();
  --size_;
  one.octets = KeptOctets();
  one.younger = free_;
  free_ = place;
}

void WaitingRoom::move(const std::array<int, UpstreamSet::kCapacity>& to) noexcept {
  std::vector<uint32_t> all;
  for (const Ages& ages : ages_)
    for (uint32_t place = ages.head; place != 0; place = places_[place].younger) all.push_back(place);
  for (const uint32_t place : all)
    if (Place& one = places_[place]; firsts_.find(name_of(one.lane, one.rank, one.share)) == place) firsts_.remove(place);
  ages_ = {};
  lines_ = {};
  sources_ = 0;
  std::stable_sort(all.begin(), all.end(), [this](uint32_t a, uint32_t b) { return places_[a].since < places_[b].since; });
  for (const uint32_t place : all) {
    places_[place].lane = static_cast<int8_t>(to[static_cast<size_t>(places_[place].lane)]);
    join(place);
  }
}

uint32_t WaitingRoom::ahead_of(int lane, Rank rank, const Source& source) noexcept {
  const Line& turns = line(lane, rank);
  if (turns.size == 0) return 0;
  const uint32_t first = firsts_.find(name_of(lane, rank, shares_.place_of(source.remote)));
  const uint64_t rounds = first != 0 ? places_[first].held + uint64_t{1} : 1;
  return static_cast<uint32_t>(std::min<uint64_t>(turns.size, turns.sources * rounds));
}

}  // namespace sluice
