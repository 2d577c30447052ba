// Finds blocks by a hash: open addressing, 8 octets per slot. A tag is 32 bits of the hash and also determines the slot, so the index
// grows and closes gaps without touching the blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "core/home/block_arena.h"

namespace sluice {

class RefIndex {
 public:
  struct Slot {
    uint32_t tag;
    BlockRef ref;  // 0: empty
  };
  static constexpr uint32_t kFirstSize = 16;

  RefIndex() : slots_(new Slot[kFirstSize]()) {}

  // The first entry with this tag for which `matches(ref)` is true.
  template <typename Matches>
  Slot* find(uint32_t tag, Matches&& matches) noexcept {
    for (uint32_t i = tag & mask_; slots_[i].ref != 0; i = (i + 1) & mask_)
      if (slots_[i].tag == tag && matches(slots_[i].ref)) return &slots_[i];
    return nullptr;
  }

  // There is always room for a few more than `is_crowded` suggests; grow it beforehand, without holding a lock.
  void insert(uint32_t tag, BlockRef ref) noexcept {
    if (used_ + 2 > size()) grow(std::unique_ptr<Slot[]>(new Slot[size() * 2]()), size() * 2);
    put(tag, ref);
    ++used_;
  }

  // Later entries move up into the gap.
  void erase(Slot* slot) noexcept {
    auto gap = static_cast<uint32_t>(slot - slots_.get());
    for (uint32_t i = (gap + 1) & mask_; slots_[i].ref != 0; i = (i + 1) & mask_) {
      if (((i - slots_[i].tag) & mask_) < ((i - gap) & mask_)) continue;
      if (i < gap) ++upheavals_;
      slots_[gap] = slots_[i];
      gap = i;
    }
    slots_[gap] = Slot{0, 0};
    --used_;
  }

  bool is_crowded() const noexcept { return (used_ + 1) * 4 > size() * 3; }
  uint32_t size() const noexcept { return mask_ + 1; }
  uint32_t used() const noexcept { return used_; }
  // Moves to the empty slots in `fresh`, which receives the old ones.
  void grow(std::unique_ptr<Slot[]>&& fresh, uint32_t size) noexcept {
    const uint32_t before = this->size();
    std::swap(slots_, fresh);
    mask_ = size - 1;
    for (uint32_t i = 0; i < before; ++i)
      if (fresh[i].ref != 0) put(fresh[i].tag, fresh[i].ref);
    ++upheavals_;
  }

  // For a walk in pieces: going from the last slot to the first meets every entry that stays, some of them twice, because entries only
  // move towards the first slot, unless an upheaval comes in between.
  BlockRef ref_at(uint32_t slot) const noexcept { return slots_[slot].ref; }
  uint32_t upheavals() const noexcept { return upheavals_; }

 private:
  void put(uint32_t tag, BlockRef ref) noexcept {
    uint32_t i = tag & mask_;
    while (slots_[i].ref != 0) i = (i + 1) & mask_;
    slots_[i] = Slot{tag, ref};
  }

  std::unique_ptr<Slot[]> slots_;
  uint32_t mask_ = kFirstSize - 1;
  uint32_t used_ = 0;
  uint32_t upheavals_ = 0;
};

// Grows the index of a stripe, {lock, index}, allocating memory while the lock is not held.
template <typename Stripe>
void make_room_in(Stripe& stripe) noexcept {
  for (;;) {
    uint32_t size;
    {
      const std::lock_guard<std::mutex> guard(stripe.lock);
      if (!stripe.index.is_crowded()) return;
      size = stripe.index.size() * 2;
    }
    std::unique_ptr<RefIndex::Slot[]> fresh(new RefIndex::Slot[size]());
    const std::lock_guard<std::mutex> guard(stripe.lock);
    if (stripe.index.size() * 2 == size) stripe.index.grow(std::move(fresh), size);
  }
}

}  // namespace sluice
