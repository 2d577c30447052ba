// A hierarchical timing wheel over nodes that the caller owns: arming, moving and cancelling are O(1), a turn is O(expired) (OB-5.4-15).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace sluice {

// A node is part of the object that it times; both links 0: not armed. A copy of an armed node is not armed.
struct WheelNode {
  uint32_t next = 0;
  uint32_t prev = 0;
  uint32_t due = 0;  // tick
};

// `Nodes` provides `WheelNode& node(uint32_t index)`; the caller never uses index 0, and every index is below 2^31.
// Ticks are 32 bits and may wrap; a delay is cut to 2^24 - 1 ticks.
// A node sits on the level that its delay fits: level 0 has a slot per tick, each higher level a slot per 64 slots of the level
// below. When time reaches a slot of a higher level, its nodes move down, so a node moves at most three times. A hundred thousand of them may
// lie in one slot, each in memory that no cache holds, so a call of advance() moves only some.
template <typename Nodes>
class TimingWheel {
 public:
  static constexpr uint32_t kMaxDelay = (1u << 24) - 1;

  explicit TimingWheel(Nodes& nodes, uint32_t now) noexcept : nodes_(nodes), now_(now), turned_(now) {}
  TimingWheel(const TimingWheel&) = delete;
  TimingWheel& operator=(const TimingWheel&) = delete;

  void arm(uint32_t index, uint32_t delay) noexcept {  // moves a node that is already armed; a delay of 0 counts as 1
    cancel(index);
    if (delay == 0) delay = 1;
    if (delay > kMaxDelay) delay = kMaxDelay;
    nodes_.node(index).due = now_ + delay;
    place(index);
    ++size_;
  }

  // The same, but an earlier deadline stays, and whoever is called then arms the node anew: so a deadline that each message moves ahead costs
  // nothing, and the nodes beside it need not come from memory.
  void arm_by(uint32_t index, uint32_t delay) noexcept {
    const WheelNode& node = nodes_.node(index);
    if (node.prev == 0 || static_cast<int32_t>(now_ + delay - node.due) < 0) arm(index, delay);
  }

  void cancel(uint32_t index) noexcept {  // no-op when not armed
    WheelNode& node = nodes_.node(index);
    if (node.prev == 0) return;
    if (node.next != 0) nodes_.node(node.next).prev = node.prev;
    if (node.prev & kIsHead) {
      const uint32_t slot = node.prev & ~kIsHead;
      heads_[slot] = node.next;
      if (node.next == 0) occupied_[slot / kSlots] &= ~(uint64_t{1} << slot % kSlots);
    } else {
      nodes_.node(node.prev).next = node.next;
    }
    node.next = node.prev = 0;
    --size_;
  }

  // Has the caches fetch what cancel() will change.
  void fetch_beside(uint32_t index) noexcept {
    const WheelNode& node = nodes_.node(index);
    if (node.next != 0) __builtin_prefetch(&nodes_.node(node.next), 1);
    if (node.prev != 0 && (node.prev & kIsHead) == 0) __builtin_prefetch(&nodes_.node(node.prev), 1);
  }

  bool armed(uint32_t index) const noexcept { return nodes_.node(index).prev != 0; }

  // Advances time to `now` and calls `expired(index)` for each due node after taking it out; the callback may arm, move or cancel any
  // node, its own included. Makes at most `budget` calls and leaves the rest to the next advance(). Returns the number of calls.
  // Nodes come in the order of their ticks; within one tick, in any order. If `now` lies in the past, no time has passed. Where very many are
  // to be moved, it leaves the rest as well: is_behind().
  template <typename Expired>
  size_t advance(uint32_t now, size_t budget, Expired&& expired) noexcept {
    if (static_cast<int32_t>(now - now_) > 0) now_ = now;
    for (size_t calls = 0, moved = 0;;) {
      if (!move_down(moved)) return calls;
      const uint32_t slot = turned_ % kSlots;
      while (heads_[slot] != 0) {
        if (calls == budget) return calls;
        const uint32_t index = heads_[slot];
        cancel(index);
        ++calls;
        expired(index);
      }
      if (turned_ == now_) return calls;
      turn();
    }
  }

  size_t size() const noexcept { return size_; }
  // Ticks until advance() may have something to do, at least 1; kMaxDelay: nothing is armed.
  uint32_t quiet_for() const noexcept {
    if (size_ == 0) return kMaxDelay;
    return is_behind() ? 1 : next_stop() - now_;
  }
  // The next advance() has something to do without any time passing.
  bool is_behind() const noexcept { return size_ > 0 && (turned_ != now_ || falling_ > 0 || heads_[turned_ % kSlots] != 0); }
  uint32_t now() const noexcept { return now_; }

 private:
  static constexpr uint32_t kLevels = 4;
  static constexpr uint32_t kBits = 6;
  static constexpr uint32_t kSlots = 1u << kBits;
  static constexpr size_t kMovedAtOnce = 4'096;
  static constexpr uint32_t kIsHead = 1u << 31;  // in `prev`: the rest is a slot, not a node

  void place(uint32_t index) noexcept {
    WheelNode& node = nodes_.node(index);
    // While the budget holds the wheel back, a delay counted from the wheel's position may exceed the longest one; such a node goes as
    // far out as possible and finds its true place when it moves down.
    uint32_t distance = node.due - turned_;
    if (distance > kMaxDelay) distance = kMaxDelay;
    const uint32_t level = distance < kSlots ? 0 : (31 - static_cast<uint32_t>(std::countl_zero(distance))) / kBits;
    const uint32_t place = (turned_ + distance) >> (level * kBits) & (kSlots - 1);
    const uint32_t slot = level * kSlots + place;
    node.prev = kIsHead | slot;
    node.next = heads_[slot];
    if (node.next != 0) nodes_.node(node.next).prev = index;
    heads_[slot] = index;
    occupied_[level] |= uint64_t{1} << place;
  }

  // The next tick at which a slot is due or moves down; the bits of `occupied_` skip empty slots.
  uint32_t next_stop() const noexcept {
    for (uint32_t level = 0; level < kLevels; ++level) {
      if (occupied_[level] == 0) continue;
      const uint32_t at = turned_ >> (level * kBits);
      const uint64_t ahead = occupied_[level] & ~uint64_t{1} << at % kSlots;
      if (ahead != 0) return (at - at % kSlots + static_cast<uint32_t>(std::countr_zero(ahead))) << (level * kBits);
      // Slots already passed belong to the next round; the level above may have something due before that.
      return (at / kSlots + 1) << ((level + 1) * kBits);
    }
    return now_;
  }

  void turn() noexcept {
    const uint32_t stop = next_stop();
    if (stop - turned_ > now_ - turned_) {
      turned_ = now_;
      return;
    }
    turned_ = stop;
    falling_ = kLevels - 1;
  }

  // Moves the nodes down whose time has come nearer. False: there are more.
  bool move_down(size_t& moved) noexcept {
    for (; falling_ > 0; --falling_) {
      if (turned_ & ((1u << (falling_ * kBits)) - 1)) continue;
      const uint32_t slot = falling_ * kSlots + (turned_ >> (falling_ * kBits) & (kSlots - 1));
      // None comes back into this slot: that would take a longer delay than its level has.
      for (uint32_t index = heads_[slot]; index != 0; index = heads_[slot]) {
        if (moved == kMovedAtOnce) return false;
        ++moved;
        cancel(index);
        place(index);
        ++size_;
      }
    }
    return true;
  }

  Nodes& nodes_;
  uint32_t now_;     // the caller's time
  uint32_t turned_;  // nodes have been called up to here; lags behind `now_` only while a bound is reached
  uint32_t falling_ = 0;  // the level whose nodes move down; 0: none
  size_t size_ = 0;
  uint64_t occupied_[kLevels] = {};
  uint32_t heads_[kLevels * kSlots] = {};
};

}  // namespace sluice
