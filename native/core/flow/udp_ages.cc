#include "core/flow/udp_ages.h"

namespace sluice {

uint32_t UdpAges::choose(FlowTable& flows, const SourceKey* source, bool registers, uint32_t now) noexcept {
  uint32_t chosen = 0;
  uint64_t least = UINT64_MAX;
  for (size_t looks = queue_.size() < kLooks ? queue_.size() : kLooks; looks > 0; --looks) {
    const Entry entry = queue_.front();
    queue_.pop_front();
    const Flow* found = flows.find({entry.slot, entry.generation});
    if (found == nullptr) continue;
    const Flow& flow = *found;
    queue_.push_back(entry);
    if (flow.pending != 0 || (source != nullptr && !(SourceKey(flow.remote) == *source))) continue;
    const bool is_registered = (flow.flags & (kFlow_outbound | kFlow_registered)) && (flow.flags & kFlow_dead) == 0;
    if (is_registered && !registers) continue;
    const uint64_t worth = (uint64_t{is_registered} << 32) + (UINT32_MAX - (now - flow.last_seen));
    if (worth >= least) continue;
    least = worth;
    chosen = entry.slot;
  }
  return chosen;
}

void UdpAges::freeze(ImageWriter& image, FlowTable& flows) const noexcept {
  const size_t at = image.later();
  uint32_t known = 0;
  for (const Entry& entry : queue_) {
    if (flows.find({entry.slot, entry.generation}) == nullptr) continue;
    image.fields(entry.slot, entry.generation);
    ++known;
  }
  image.set(at, known);
}

void UdpAges::adopt(ImageReader& image, FlowTable& flows) noexcept {
  for (uint32_t left = image.count(2 * sizeof(uint32_t)); left > 0; --left) {
    Entry entry{};
    image.fields(entry.slot, entry.generation);
    const Flow* const flow = flows.find({entry.slot, entry.generation});
    if (flow == nullptr || flow->kind != FlowKind::udp) return image.fail("the age of a UDP flow leads to none");
    queue_.push_back(entry);
  }
}

}  // namespace sluice
