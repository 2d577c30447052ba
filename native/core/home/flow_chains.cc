#include "core/home/flow_chains.h"

namespace sluice {

RefIndex::Slot* FlowChains::find(Stripe& stripe, uint64_t hash, Text flow) noexcept {
  return stripe.index.find(static_cast<uint32_t>(hash), [&](BlockRef ref) { return block(ref).lifeline() == flow; });
}

void FlowChains::make_room(Text flow) { make_room_in(stripe_of(hash_of(flow))); }

void FlowChains::link(BlockRef ref) noexcept {
  BindingBlock& fresh = block(ref);
  const Text flow = fresh.lifeline();
  if (flow.empty()) return;
  const uint64_t hash = hash_of(flow);
  Stripe& stripe = stripe_of(hash);
  const std::lock_guard<std::mutex> guard(stripe.lock);
  RefIndex::Slot* const slot = find(stripe, hash, flow);
  fresh.flow_links() = FlowLinks{slot == nullptr ? 0 : slot->ref, 0};
  if (slot == nullptr) return stripe.index.insert(static_cast<uint32_t>(hash), ref);
  block(slot->ref).flow_links().prev = ref;
  slot->ref = ref;
}

void FlowChains::unlink(BlockRef ref) noexcept {
  BindingBlock& gone = block(ref);
  const Text flow = gone.lifeline();
  if (flow.empty()) return;
  const uint64_t hash = hash_of(flow);
  Stripe& stripe = stripe_of(hash);
  const std::lock_guard<std::mutex> guard(stripe.lock);
  const auto [next, prev] = gone.flow_links();
  if (next != 0) block(next).flow_links().prev = prev;
  if (prev != 0) {
    block(prev).flow_links().next = next;
    return;
  }
  RefIndex::Slot* const slot = stripe.index.find(static_cast<uint32_t>(hash), [ref](BlockRef first) { return first == ref; });
  if (next != 0) slot->ref = next;
  else stripe.index.erase(slot);
}

void FlowChains::some_of(Text flow, size_t most, std::vector<uint64_t>& hashes) {
  hashes.clear();
  const uint64_t hash = hash_of(flow);
  Stripe& stripe = stripe_of(hash);
  const std::lock_guard<std::mutex> guard(stripe.lock);
  const RefIndex::Slot* const slot = find(stripe, hash, flow);
  for (BlockRef ref = slot == nullptr ? 0 : slot->ref; ref != 0 && hashes.size() < most; ref = block(ref).flow_links().next) {
    const uint64_t aor = arena_.at<AorHead>(block(ref).head)->hash;
    if (hashes.empty() || hashes.back() != aor) hashes.push_back(aor);
  }
}

}  // namespace sluice
