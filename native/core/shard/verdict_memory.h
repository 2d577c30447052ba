// What the policy said about records like these. The edge's own policy is a function of the record and its settings, and few records
// differ: so most messages need no call of JavaScript, which costs most where a turn holds one message and its code is in no cache.
#pragma once

#include <array>
#include <cstring>

#include "core/base/layout.h"

namespace sluice {

class VerdictMemory {
 public:
  // 64 records, 10 KB a shard. One that is forgotten costs a call, nothing else.
  static constexpr size_t kPlaces = 64;

  // Writes the verdicts of all `count` records; false: one of them is new, and nothing is written.
  bool recall(const int32_t* records, int32_t* verdicts, unsigned count) noexcept {
    for (unsigned i = 0; i < count; ++i) {
      const Place* const place = find(records + i * k_record_fields);
      if (place == nullptr) return false;
      found_[i] = place;
    }
    for (unsigned i = 0; i < count; ++i) std::memcpy(verdicts + i * k_verdict_fields, found_[i]->verdict, sizeof found_[i]->verdict);
    return true;
  }
  void learn(const int32_t* records, const int32_t* verdicts, unsigned count) noexcept {
    for (unsigned i = 0; i < count; ++i) {
      const int32_t* const record = records + i * k_record_fields;
      Place& place = places_[place_of(record)];
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

  static size_t place_of(const int32_t* record) noexcept {
    constexpr uint64_t kOdd = 0x9E37'79B9'7F4A'7C15u;
    uint64_t mixed = 0;
    for (size_t i = 0; i < k_record_fields; i += 2) {
      uint64_t word;
      std::memcpy(&word, record + i, sizeof word);
      mixed += (word + i) * (kOdd * (2 * i + 1));
      mixed ^= mixed >> 29;
    }
    return mixed * kOdd >> 58;
  }
  static_assert(kPlaces == 1u << (64 - 58));

  const Place* find(const int32_t* record) const noexcept {
    const Place& place = places_[place_of(record)];
    return place.age == age_ && std::memcmp(place.record, record, sizeof place.record) == 0 ? &place : nullptr;
  }

  uint64_t age_ = 1;
  std::array<Place, kPlaces> places_;
  std::array<const Place*, k_batch_size> found_;
};

}  // namespace sluice
