#include "core/flow/flow_table.h"

#include <algorithm>
#include <cstring>

namespace sluice {

FlowTable::FlowTable(const SipKey& table_key, uint32_t first_generation) noexcept
    : hash_(table_key), index_(1024, 0), generation_(first_generation) {}

void FlowTable::live_in(KeptMemory& memory) noexcept {
  SLUICE_INVARIANT(slabs_.empty());
  kept_ = &memory;
  head_ = &memory.head();
  hand_ = memory.make_hand();
  head_->slots = 0;
  head_->generation = generation_;
}

// Kept memory is all zero, as far as it is new, and so a free slot. Once there is none for a slab, there is none for those after it.
void FlowTable::add_slab() noexcept {
  const uint32_t first = static_cast<uint32_t>(slabs_.size()) << kSlabBits;
  if (Flow* const slab = kept_ != nullptr && kept_slots_ == first ? kept_->make_flows(first) : nullptr) {
    kept_slots_ += kSlabSize;
    return slabs_.push_back(slab);
  }
  slabs_.push_back(own_slabs_.emplace_back(std::make_unique<Flow[]>(kSlabSize)).get());
}

void FlowTable::say_slots() noexcept { head_->slots = std::min(next_fresh_, kept_slots_); }

uint32_t FlowTable::open(FlowKind kind, const Address& remote, uint16_t listener) noexcept {
  uint32_t slot = free_;
  if (slot != 0) {
    free_ = entry(slot).chain;
  } else {
    slot = next_fresh_;
    if (slot >> kSlabBits >= slabs_.size()) add_slab();
    ++next_fresh_;
    say_slots();
  }
  Flow& flow = entry(slot);
  SLUICE_INVARIANT(flow.timer.prev == 0 && flow.timer.next == 0);
  flow = Flow{};
  flow.kind = kind;
  if (kind == FlowKind::udp) flow.macs = TokenMacs{};
  flow.state = FlowState::open;
  flow.remote = remote;
  flow.listener = listener;
  if (++generation_ == 0) ++generation_;
  flow.generation = head_->generation = generation_;
  ++size_;
  if (kind == FlowKind::udp) add_to_index(slot);
  return slot;
}

void FlowTable::add_to_index(uint32_t slot) noexcept {
  Flow& flow = entry(slot);
  if (++udp_size_ > index_.size()) grow_index();
  const uint32_t bucket = bucket_of(flow);
  flow.chain = index_[bucket];
  index_[bucket] = slot;
}

bool FlowTable::place(uint32_t slot, const Flow& flow) noexcept {
  if (slot == 0 || slot >= kMostSlots) return false;
  while (slot >> kSlabBits >= slabs_.size()) add_slab();
  if (slot >= next_fresh_) {
    next_fresh_ = slot + 1;
    say_slots();
  }
  Flow& placed = entry(slot);
  if (placed.state != FlowState::free_slot) return false;
  const uint32_t due = flow.timer.due;
  placed = flow;
  placed.timer = WheelNode{0, 0, due};
  if (flow.kind == FlowKind::udp) placed.macs = TokenMacs{};
  ++size_;
  if (flow.kind == FlowKind::udp) add_to_index(slot);
  return true;
}

void FlowTable::settle(uint32_t generation) noexcept {
  generation_ = head_->generation = generation;
  free_ = 0;
  for (uint32_t slot = next_fresh_ - 1; slot > 0; --slot) {
    Flow& flow = entry(slot);
    if (flow.state != FlowState::free_slot) continue;
    flow.chain = free_;
    free_ = slot;
  }
}

void FlowTable::release(uint32_t slot) noexcept {
  Flow& flow = at(slot);
  SLUICE_INVARIANT(flow.timer.prev == 0 && flow.timer.next == 0 && flow.pending == 0);
  if (flow.kind == FlowKind::udp) {
    uint32_t* link = &index_[bucket_of(flow)];
    while (*link != slot) link = &at(*link).chain;
    *link = flow.chain;
    --udp_size_;
  }
  flow.state = FlowState::free_slot;
  flow.chain = free_;
  free_ = slot;
  --size_;
}

Flow* FlowTable::find_stream(uint32_t slot, uint32_t generation) noexcept {
  Flow* flow = find({slot, generation});
  return flow != nullptr && flow->kind == FlowKind::stream && (flow->marks & kMark_closing) == 0 ? flow : nullptr;
}

TokenMacs* FlowTable::stream_macs(FlowHandle handle) noexcept {
  const Flow* const flow = find(handle);
  if (flow == nullptr || flow->kind != FlowKind::stream || flow->stream.layer != nullptr) return nullptr;
  const uint32_t part = handle.slot >> kMacsBits;
  if (part >= stream_macs_.size()) stream_macs_.resize(part + 1);
  std::unique_ptr<TokenMacs[]>& macs = stream_macs_[part];
  if (!macs) macs = std::make_unique<TokenMacs[]>(kMacsSize);
  return &macs[handle.slot & (kMacsSize - 1)];
}

uint32_t FlowTable::find_udp(const Address& remote, uint16_t listener, uint32_t hash) noexcept {
  for (uint32_t slot = index_[bucket_of(hash)]; slot != 0; slot = at(slot).chain) {
    const Flow& flow = at(slot);
    if (flow.listener == listener && flow.remote == remote) return slot;
  }
  return 0;
}

void FlowTable::grow_index() noexcept {
  std::vector<uint32_t> old(index_.size() * 2, 0);
  old.swap(index_);
  for (uint32_t head : old) {
    for (uint32_t slot = head; slot != 0;) {
      Flow& flow = at(slot);
      const uint32_t after = flow.chain;
      const uint32_t bucket = bucket_of(flow);
      flow.chain = index_[bucket];
      index_[bucket] = slot;
      slot = after;
    }
  }
}

}  // namespace sluice
