// How many requests of each source a shard's object path takes. One of them costs thirty times as much as one that is decided by numbers, and what is
// refused there costs as much as what is granted: a source that sends nothing else must not be all that the shard has time for. As long as the path
// takes less than half of the time, nobody is refused.
#pragma once

#include <algorithm>

#include "core/relay/pending_shares.h"
#include "core/shard/clock.h"

namespace sluice {

class ObjectShares {
 public:
  static constexpr uint64_t kMuch = 500'000'000;  // ns in a second
  static constexpr uint32_t kEach = 500;          // requests in a second

  explicit ObjectShares(const SipKey& secret) noexcept : taken_(secret) {}

  // Whether that source has had its share. A request that is refused counts for what it would have cost, or the flood would be let in again
  // whenever it has been kept out for a second.
  bool refuses(const Address& source, uint32_t tick) noexcept {
    look_at(tick);
    if (std::max(spent_, spent_before_) < kMuch || taken_.held(taken_.place_of(source)) < kEach) return false;
    spent_ += cost_;
    return true;
  }
  // The path takes a message in this turn, one of that source; nullptr: of a neighbour, which speaks for many, or a response.
  void take(const Address* source, uint32_t tick) noexcept {
    look_at(tick);
    ++in_turn_;
    if (source != nullptr) taken_.take(taken_.place_of(*source));
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

  void look_at(uint32_t tick) noexcept {
    const uint32_t second = tick / Clock::kTicksPerSecond;
    if (second == second_) return;
    spent_before_ = second == second_ + 1 ? spent_ : 0;
    taken_.clear();
    spent_ = 0;
    second_ = second;
  }

  PendingShares taken_;  // in this second
  uint32_t second_ = 0;
  uint32_t in_turn_ = 0;
  uint64_t spent_ = 0;  // in this second, ns
  uint64_t spent_before_ = 0;
  int64_t cost_ = 0;  // of one, ns
};

}  // namespace sluice
