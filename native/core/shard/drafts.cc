#include "core/shard/drafts.h"

#include "core/flow/flow_image.h"
#include "core/shard/flow_timers.h"

namespace sluice {

bool Drafts::is_simple(const Flow& flow) noexcept {
  if (flow.state != FlowState::open) return false;
  if (flow.kind == FlowKind::udp) return true;
  constexpr uint8_t kHarmless = kMark_spoke | kMark_bound;
  if ((flow.marks & ~kHarmless) != 0 || (flow.flags & kFlow_dialled) != 0 || flow.in != nullptr || !flow.out.empty()) return false;
  return is_ready(flow) && is_portable(flow) && (flow.layer == nullptr || (flow.layer->record == nullptr && !flow.layer->has_handshake_place));
}

void Drafts::draw(ImageWriter& image, uint32_t slot, const Flow& flow) noexcept {
  const size_t at = image.size();
  image.fields(slot, Draft::flow);
  freeze_flow(image, slot, flow);
  notes_.freeze_slot(image, slot);
  const Record& before = records_[slot];
  const Text now = image.since(at);
  if (now == Text(before.octets, before.size)) return image.take_back(at);
  round_.push_back({slot, flow.generation, at, static_cast<uint32_t>(now.size())});
}

void Drafts::strike_out(ImageWriter& image, uint32_t slot) noexcept {
  image.fields(slot, Draft::none);
  round_.push_back({slot, 0, image.size(), 0});
}

void Drafts::gone(Text image) noexcept {
  for (const Change& change : round_) records_[change.slot] = {image.data() + change.at, change.size, change.generation};
  round_.clear();
}

}  // namespace sluice
