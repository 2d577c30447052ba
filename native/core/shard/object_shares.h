// How many requests of each source a shard's object path takes. One of them costs thirty times as much as one that is decided by numbers, and what is
// refused there costs as much as what is granted: a source that sends nothing else must not be all that the shard has time for. As long as the path
// takes less than half of the time, nobody is refused.
//
// Phones behind one NAT are one source. So what ends a call or goes on with it does not compete with what begins one: a token or a transaction of
// ours proves that there is such a call, and what only says so has a small room of its own, like emergencies.
#pragma once

#include <algorithm>

#include "core/relay/pending_shares.h"
#include "core/shard/clock.h"

namespace sluice {

enum class ObjectClaim : uint8_t {
  ordinary,
  said,       // an ACK, BYE or CANCEL of something that we do not know
  emergency,  // by its own word
  proven,     // within a dialog or transaction that is ours
};

// Who pays for a request, and with what.
struct ObjectPayer {
  Address source;
  bool is_neighbour = false;  // it vouches for many, of whom it does not say which one this is
  ObjectClaim claim = ObjectClaim::ordinary;
};

class ObjectShares {
 public:
  static constexpr uint64_t kMuch = 500'000'000;          // ns in a second
  static constexpr uint64_t kMostOfNeighbours = 800'000'000;  // the same; the rest is for those who come by themselves
  static constexpr uint32_t kEach = 500;                  // requests in a second
  static constexpr uint32_t kEachProven = 500;            // more of those
  static constexpr uint32_t kEachSaid = 100;

  explicit ObjectShares(const SipKey& secret) noexcept : all_(secret), reserves_{PendingShares(secret), PendingShares(secret), PendingShares(secret)} {}

  // Whether that source has had its share. What a client is refused counts for what it would have cost, or the flood would be let in again
  // whenever it has been kept out for a second.
  bool refuses(const ObjectPayer& payer, uint32_t tick) noexcept {
    look_at(tick);
    const uint16_t place = all_.place_of(payer.source);
    if (!is_over(payer, place) || has_room(payer.claim, place)) return false;
    if (!payer.is_neighbour) spared_ += cost_;
    return true;
  }
  // The path takes a message in this turn, one of that source; nullptr: a response.
  void take(const ObjectPayer* payer, uint32_t tick) noexcept {
    look_at(tick);
    ++in_turn_;
    if (payer == nullptr) return;
    const uint16_t place = all_.place_of(payer->source);
    if (payer->claim != ObjectClaim::ordinary && is_over(*payer, place)) reserve(payer->claim).take(place);
    all_.take(place);
  }
  // All that it has taken in this turn took it so long.
  void took(uint64_t nanoseconds) noexcept {
    if (in_turn_ == 0) return;
    spent_ += nanoseconds;
    cost_ += (static_cast<int64_t>(nanoseconds / in_turn_) - cost_) / kSteady;
    in_turn_ = 0;
  }

 private:
  static constexpr int64_t kSteady = 16;

  bool is_over(const ObjectPayer& payer, uint16_t place) const noexcept {
    const bool is_much = payer.is_neighbour ? spent_ >= kMostOfNeighbours : std::max(spent_ + spared_, before_) >= kMuch;
    return is_much && all_.held(place) >= kEach;
  }
  bool has_room(ObjectClaim claim, uint16_t place) noexcept {
    return claim != ObjectClaim::ordinary && reserve(claim).held(place) < (claim == ObjectClaim::proven ? kEachProven : kEachSaid);
  }
  PendingShares& reserve(ObjectClaim claim) noexcept { return reserves_[static_cast<size_t>(claim) - 1]; }

  void look_at(uint32_t tick) noexcept {
    const uint32_t second = tick / Clock::kTicksPerSecond;
    if (second == second_) return;
    before_ = second == second_ + 1 ? spent_ + spared_ : 0;
    all_.clear();
    for (PendingShares& each : reserves_) each.clear();
    spent_ = spared_ = 0;
    second_ = second;
  }

  PendingShares all_;  // in this second
  std::array<PendingShares, 3> reserves_;
  uint32_t second_ = 0;
  uint32_t in_turn_ = 0;
  uint64_t spent_ = 0;   // in this second, ns
  uint64_t spared_ = 0;  // the same, of what was refused
  uint64_t before_ = 0;  // both, in the second before
  int64_t cost_ = 0;     // of one, ns
};

}  // namespace sluice
