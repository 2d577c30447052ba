// How much a UDP source is answered before it has shown that it hears us: three times the octets that came from it. A source address is
// easily forged, and whoever forges it must gain nothing by our answers. One for the process: what one shard received another may answer.
// Shards do not wait for each other here; where two change one place at once, one of the changes may be lost, a datagram's worth.
#pragma once

#include <atomic>
#include <memory>

#include "core/flow/source_shares.h"

namespace sluice {

class AnswerCredit {
 public:
  static constexpr uint32_t kTimes = 3;
  // A final response may exceed the credit by so much, which its source then has to make up for before it gets another one: to a short request
  // the first answer may be a long one, and without it no call would ever begin.
  static constexpr int32_t kOverdraft = 2'048;

  explicit AnswerCredit(const SipKey& key) noexcept : key_(key) {}

  // Octets came from there.
  void received(const Address& source, size_t octets) noexcept;
  // It repeats what only a reader of our messages can know.
  void heard_us(const Address& source) noexcept;
  // Takes a response off its credit. False: it has none left. A source that nothing is known of, for it was here long ago, may be answered.
  bool may_answer(const Address& source, size_t octets, bool final) noexcept;
  // The longest final response that it would get now.
  size_t room(const Address& source) noexcept;

 private:
  // Sources that meet in a place push one another out: what is lost is credit, or the limit of one that was here long ago.
  static constexpr size_t kPlaces = 1u << 15;
  static constexpr int32_t kMaxCredit = 1 << 16;
  static constexpr int32_t kProven = INT32_MAX;

  struct Account {
    uint32_t mark = 0;
    int32_t credit = 0;
  };
  static_assert(std::atomic<Account>::is_always_lock_free);
  using Place = std::atomic<Account>;

  Place& place_of(const Address& source, uint32_t& mark) noexcept;

  SipKey key_;
  std::unique_ptr<Place[]> places_{new Place[kPlaces]()};
};

}  // namespace sluice
