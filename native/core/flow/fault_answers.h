// How many faulty requests and forged tokens of strangers are answered. An answer helps somebody who looks for his fault. In a flood it
// helps nobody and costs more than all the rest, so what is beyond these bounds is dropped before anything decides on it.
#pragma once

#include <array>

#include "core/crypto/siphash.h"
#include "core/flow/source_shares.h"

namespace sluice {

class FaultAnswers {
 public:
  static constexpr uint32_t kASecond = 500;
  static constexpr uint32_t kOfOneSource = 250;

  explicit FaultAnswers(const SipKey& secret) noexcept : secret_(secret) {}

  // Whether this one may be answered, which counts. Sources with the same hash share one part.
  bool take(const Address& source, uint32_t second) noexcept {
    if (second != second_) {
      second_ = second;
      answered_ = 0;
      of_source_.fill(0);
    }
    if (answered_ == kASecond) return false;
    const SourceKey key(source);
    uint8_t& own = of_source_[siphash(secret_, &key, sizeof key) % kPlaces];
    if (own == kOfOneSource) return false;
    ++answered_;
    ++own;
    return true;
  }

 private:
  static constexpr size_t kPlaces = 1024;

  SipKey secret_;
  uint32_t second_ = 0;
  uint32_t answered_ = 0;
  std::array<uint8_t, kPlaces> of_source_{};
};

}  // namespace sluice
