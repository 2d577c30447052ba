// What the policy said about records like these. The edge's own policy is a function of the record and its settings, and few records
// differ: so most messages need no call of JavaScript, which costs most where a turn holds one message and its code is in no cache.
#pragma once

#include <array>
#include <cstring>

#include "core/base/layout.h"

namespace sluice {

class VerdictMemory {
 public:
  // 128 records, 20 KB a shard. One that is forgotten costs a call, nothing else. Sixteen kinds of message are usual; where each had but one
  // place, two that share it would drive one another out with every message.
  static constexpr size_t kSets = 32, kWays = 4;

  // Writes the verdicts of all `count` records; false: one of them is new, and nothing is written.
  bool recall(const int32_t* records, int32_t* verdicts, unsigned count) noexcept {
    for (unsigned i = 0; i < count; ++i) {
      const int32_t* const record = records + i * k_record_fields;
      const Place* const place = find(sets_[set_of(record)], record);
      if (place == nullptr) return false;
      found_[i] = place;
    }
    for (unsigned i = 0; i < count; ++i) std::memcpy(verdicts + i * k_verdict_fields, found_[i]->verdict, sizeof found_[i]->verdict);
    return true;
  }
  void learn(const int32_t* records, const int32_t* verdicts, unsigned count) noexcept {
    for (unsigned i = 0; i < count; ++i) {
      const int32_t* const record = records + i * k_record_fields;
      Set& set = sets_[set_of(record)];
      if (find(set, record) != nullptr) continue;
      Place& place = set.places[set.next++ % kWays];  // the oldest of the set
      place.age = age_;
      std::memcpy(place.record, record, sizeof place.record);
      std::memcpy(place.verdict, verdicts + i * k_verdict_fields, sizeof place.verdict);
    }
  }
  // The settings of the policy have changed.
  void forget() noexcept { ++age_; }

 private:
  struct Place {
    uint64_t age = 0;  // it counts only with the present one
    int32_t record[k_record_fields];
    int32_t verdict[k_verdict_fields];
  };

  struct Set {
    std::array<Place, kWays> places;
    uint32_t next = 0;
  };

  static size_t set_of(const int32_t* record) noexcept {
    constexpr uint64_t kOdd = 0x9E37'79B9'7F4A'7C15u;
    uint64_t mixed = 0;
    for (size_t i = 0; i < k_record_fields; i += 2) {
      uint64_t word;
      std::memcpy(&word, record + i, sizeof word);
      mixed += (word + i) * (kOdd * (2 * i + 1));
      mixed ^= mixed >> 29;
    }
    return mixed * kOdd >> 59;
  }
  static_assert(kSets == 1u << (64 - 59));

  const Place* find(const Set& set, const int32_t* record) const noexcept {
    for (const Place& place : set.places)
      if (place.age == age_ && std::memcmp(place.record, record, sizeof place.record) == 0) return &place;
    return nullptr;
  }

  uint64_t age_ = 1;
  std::array<Set, kSets> sets_;
  std::array<const Place*, k_batch_size> found_;
};

}  // namespace sluice
