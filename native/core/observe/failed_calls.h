// Which failed calls the history keeps: so many at once, so many a second, and few of one source that we refuse ourselves. So a shard whose
// calls all fail copies no text for each, and the main thread reads no more than it keeps. The main thread decides once more, for all shards
// together and without the repetitions (src/history/gate.ts).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/crypto/siphash.h"
#include "core/sip/address.h"

namespace sluice {

class FailedCalls {
 public:
  static constexpr uint64_t kAtOnce = 2'000;
  static constexpr uint64_t kPerSecond = 20;
  static constexpr uint8_t kOfSource = 2;  // in a second

  explicit FailedCalls(const SipKey& key) noexcept : key_(key) {}

  // `stranger`: whom we refused, port 0: not known, or not a stranger. `now`: milliseconds of a clock that never runs back.
  bool takes(const Address& stranger, uint64_t now) noexcept {
    if (stranger.port != 0 && !source_has_room(stranger, now / 1'000)) return false;
    room_ = std::min(kAtOnce * 1'000, room_ + (now - filled_at_) * kPerSecond);
    filled_at_ = now;
    if (room_ < 1'000) return false;
    room_ -= 1'000;
    return true;
  }

 private:
  static constexpr size_t kPlaces = 1'024;

  // Sources that share a place share its room: of strangers, nobody misses a line. An IPv6 source is its /64.
  bool source_has_room(const Address& source, uint64_t second) noexcept {
    if (second != second_) counts_.fill(0);
    second_ = second;
    uint8_t& count = counts_[siphash(key_, source.ip, source.is_v4() ? 16 : 8) % kPlaces];
    if (count == kOfSource) return false;
    ++count;
    return true;
  }

  SipKey key_;
  uint64_t room_ = kAtOnce * 1'000;  // thousandths of a call
  uint64_t filled_at_ = 0;
  uint64_t second_ = 0;
  std::array<uint8_t, kPlaces> counts_{};
};

}  // namespace sluice
