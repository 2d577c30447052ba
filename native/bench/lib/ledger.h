// The requests waiting for a response: one that comes late, twice, for no request or on the wrong flow does not count as delivered.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace sluice::bench {

class Ledger {
 public:
  enum class Outcome { kDone, kLate, kTwice, kUnknown, kWrongFlow };

  Ledger() : slots_(kSlots) {}

  // If an old request still occupies the slot, that request is lost.
  uint32_t open(uint32_t flow, int64_t when) noexcept {
    while (slots_[next_ % kSlots].held) ++next_;
    uint32_t seq = next_++;
    Slot& slot = slots_[seq % kSlots];
    if (slot.open) lose(slot);
    slot = {when, seq, flow, true, false, false, 0};
    ++open_;
    return seq;
  }

  Outcome close(uint32_t seq, uint32_t flow, int64_t& opened) noexcept {
    Slot& slot = slots_[seq % kSlots];
    if (slot.seq != seq || (!slot.open && slot.when == 0)) return Outcome::kUnknown;
    if (!slot.open) return slot.lost ? Outcome::kLate : Outcome::kTwice;
    if (slot.flow != flow) return Outcome::kWrongFlow;
    opened = slot.when;
    slot.open = false;
    --open_;
    return Outcome::kDone;
  }

  // One that takes as long as it likes, until all that do go on as if they had just been sent.
  void hold(uint32_t seq) noexcept { slots_[seq % kSlots].held = true; }
  void go_on(int64_t now) noexcept {
    for (Slot& slot : slots_)
      if (std::exchange(slot.held, false)) slot.when = now;
    oldest_ = next_ - std::min(next_, kSlots);
  }

  // The caller's note on a waiting request, initially zero; nullptr: it is not waiting on this flow.
  uint8_t* note(uint32_t seq, uint32_t flow) noexcept {
    Slot& slot = slots_[seq % kSlots];
    return slot.open && slot.seq == seq && slot.flow == flow ? &slot.note : nullptr;
  }

  // Gives up on requests sent before the given time; requests are opened in chronological order.
  void expire(int64_t before) noexcept {
    for (; oldest_ != next_; ++oldest_) {
      Slot& slot = slots_[oldest_ % kSlots];
      if (!slot.open || slot.held || slot.seq != oldest_) continue;
      if (slot.when >= before) return;
      lose(slot);
    }
  }

  uint32_t open_count() const noexcept { return open_; }
  uint64_t opened() const noexcept { return next_; }
  uint64_t lost() const noexcept { return lost_; }

 private:
  static constexpr uint32_t kSlots = 1u << 17;

  struct Slot {
    int64_t when = 0;
    uint32_t seq = 0;
    uint32_t flow = 0;
    bool open = false;
    bool held = false;
    bool lost = false;
    uint8_t note = 0;
  };

  void lose(Slot& slot) noexcept {
    slot.open = false;
    slot.lost = true;
    --open_;
    ++lost_;
  }

  std::vector<Slot> slots_;
  uint32_t next_ = 0;
  uint32_t oldest_ = 0;
  uint32_t open_ = 0;
  uint64_t lost_ = 0;
};

}  // namespace sluice::bench
