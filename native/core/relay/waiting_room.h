// REGISTERs that wait for an upstream: by rank, and within a rank one of each source by turns, so that a source that sends many keeps the
// others waiting for one of them only. Those of one source keep their order.
#pragma once

#include <array>
#include <vector>

#include "core/base/hash_chains.h"
#include "core/base/kept_octets.h"
#include "core/relay/pending_shares.h"
#include "core/relay/source.h"
#include "core/relay/upstream_set.h"

namespace sluice {

// Who goes first: an emergency; a refresh over a flow that is registered; a phone that was told twice to come back, and does; one that was
// told once; one that was registered before; any other.
enum class Rank : uint8_t { urgent, registered, twice, told, known, first };

class WaitingRoom {
 public:
  struct Place {
    Source source;
    KeptOctets octets;
    uint64_t since = 0;  // when it came
    uint32_t entry = 0;  // the caller's
    Rank rank = Rank::first;
    int8_t lane = 0;     // upstream

   private:
    friend class WaitingRoom;
    HashLink same;                   // of the first of a source
    uint16_t share = 0;              // of its source
    uint32_t older = 0, younger = 0; // of its upstream; free: the next free one
    uint32_t behind = 0;             // the next of its source
    uint32_t last = 0, held = 0;     // of the first of a source: the last one, and how many they are
    uint32_t before = 0, after = 0;  // of the first of a source: whose turn it is before and after
  };

  static constexpr size_t kRanks = 6;

  explicit WaitingRoom(const SipKey& key) noexcept : shares_(key), places_(1) {}

  // 0: there is no memory.
  uint32_t add(int lane, Rank rank, const Source& source, Text head, Text body, uint32_t entry, uint64_t since) noexcept;
  // One that next() or oldest() has named.
  void remove(uint32_t place) noexcept;
  // The upstreams have changed: what waits for i waits for to[i] now.
  void move(const std::array<int, UpstreamSet::kCapacity>& to) noexcept;

  const Place& at(uint32_t place) const noexcept { return places_[place]; }
  // Whose turn it is; 0: nobody waits.
  uint32_t next(int lane, Rank rank) const noexcept { return line(lane, rank).head; }
  uint32_t oldest(int lane) const noexcept { return ages_[static_cast<size_t>(lane)].head; }
  // In the order in which they came: `see(place)`.
  template <typename See>
  void each(int lane, See&& see) const noexcept {
    for (uint32_t place = oldest(lane); place != 0; place = places_[place].younger) see(places_[place]);
  }

  uint32_t size() const noexcept { return size_; }
  size_t octets() const noexcept { return octets_; }
  // Of each rank and upstream.
  uint32_t sources() const noexcept { return sources_; }
  uint32_t sources(int lane, Rank rank) const noexcept { return line(lane, rank).sources; }
  uint32_t held_by(const Source& source) const noexcept { return shares_.held(shares_.place_of(source.remote)); }
  uint32_t waiting(int lane, Rank rank) const noexcept { return line(lane, rank).size; }
  // Of that rank before one more of this source.
  uint32_t ahead_of(int lane, Rank rank, const Source& source) noexcept;
  // Whether its source has less than half of what the others have on the average.
  bool is_modest(const Source& source) const noexcept { return uint64_t{held_by(source)} * sources_ * 2 <= size_; }

 private:
  struct Ages {
    uint32_t head = 0, tail = 0;
  };
  struct Line {
    uint32_t head = 0, tail = 0;  // of the firsts of the sources
    uint32_t size = 0, sources = 0;
  };
  struct Links {
    WaitingRoom& owner;
    HashLink& link(uint32_t place) noexcept { return owner.places_[place].same; }
  };

  static uint64_t name_of(int lane, Rank rank, uint16_t share) noexcept {
    return static_cast<uint64_t>(lane) << 16 | static_cast<uint64_t>(rank) << 13 | share;
  }
  Line& line(int lane, Rank rank) noexcept { return lines_[static_cast<size_t>(lane)][static_cast<size_t>(rank)]; }
  const Line& line(int lane, Rank rank) const noexcept { return lines_[static_cast<size_t>(lane)][static_cast<size_t>(rank)]; }
  void join(uint32_t place) noexcept;
  void take_turn(uint32_t place) noexcept;

  PendingShares shares_;
  std::vector<Place> places_;
  HashChains<Links> firsts_{Links{*this}};
  uint32_t free_ = 0;
  uint32_t size_ = 0;
  uint32_t sources_ = 0;  // of each line
  size_t octets_ = 0;
  std::array<Ages, UpstreamSet::kCapacity> ages_{};
  std::array<std::array<Line, kRanks>, UpstreamSet::kCapacity> lines_{};
};

}  // namespace sluice
