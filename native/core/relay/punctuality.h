// Whether an upstream answers our own probes in time, while it is in doubt. Strangers can send REGISTERs that it drops, and some that it answers
// at once, so REGISTERs alone do not say whether it keeps up; nobody else can make it lose a probe.
#pragma once

#include <bit>
#include <cstdint>

#include "core/base/now_ns.h"

namespace sluice {

class Punctuality {
 public:
  void doubt(bool doubted) noexcept {
    if (doubted && !is_doubted_) lost_ = 0;
    is_doubted_ = doubted;
  }
  // Whether the next probe is due. Call it every few tens of milliseconds.
  bool is_due(uint64_t now = now_ns()) noexcept {
    if (!is_doubted_) return false;
    if (number_ != 0 && now - sent_ <= kInTime) return false;
    if (number_ != 0) note(true);
    return now - sent_ >= kPause;
  }
  // 0: it could not be sent.
  void asked(uint32_t number, uint64_t now = now_ns()) noexcept {
    number_ = number;
    sent_ = now;
  }
  void answered(uint32_t number, uint64_t now = now_ns()) noexcept {
    if (number_ == 0 || number != number_) return;
    const bool in_time = now - sent_ <= kInTime;
    has_been_in_time_ = has_been_in_time_ || in_time;
    if (in_time) proven_ = sent_;
    note(!in_time);
  }

  // When the newest probe was sent that was answered in time; 0: none.
  uint64_t proven() const noexcept { return proven_; }
  // One that is far away, or never answers OPTIONS, is not.
  bool is_late() const noexcept { return has_been_in_time_ && std::popcount(lost_) >= kMostLost; }

 private:
  static constexpr uint64_t kPause = 100'000'000, kInTime = 500'000'000;  // ns
  static constexpr int kMostLost = 2;  // of eight: a network may lose one

  void note(bool lost) noexcept {
    lost_ = static_cast<uint8_t>(lost_ << 1 | (lost ? 1 : 0));
    number_ = 0;
  }

  uint64_t sent_ = 0;
  uint64_t proven_ = 0;
  uint32_t number_ = 0;  // of the probe under way; 0: none
  uint8_t lost_ = 0;     // a bit for each of the last eight
  bool is_doubted_ = false;
  bool has_been_in_time_ = false;
};

}  // namespace sluice
