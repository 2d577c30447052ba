#include "core/shard/drafts.h"

#include <cstddef>
#include <cstring>

#include "core/flow/flow_image.h"
#include "core/shard/flow_timers.h"

namespace sluice {

bool Drafts::is_simple(const Flow& flow) noexcept {
  if (flow.state != FlowState::open) return false;
  if (flow.kind == FlowKind::udp) return true;
  constexpr uint8_t kHarmless = kMark_spoke | kMark_bound;
  if ((flow.marks & ~kHarmless) != 0 || (flow.flags & kFlow_dialled) != 0 || flow.stream.in != nullptr || !flow.stream.out.empty()) return false;
  return is_ready(flow) && is_portable(flow) && (flow.stream.layer == nullptr || (flow.stream.layer->record == nullptr && !flow.stream.layer->has_handshake_place));
}

void Drafts::grow() noexcept {
  if (records_.size() >= flows_.slots()) return;
  records_.resize(flows_.slots());
  likenesses_.resize(flows_.slots());
  noted_.resize(flows_.slots());
  notes_.mark_in(&noted_);
}

void Drafts::clear() noexcept {
  notes_.mark_in(nullptr);
  records_ = {};
  likenesses_ = {};
  noted_ = {};
  round_.clear();
}

// Its neighbours in the timing wheel, which come first, change with the timers of others.
bool Drafts::rests(uint32_t slot, const Flow& flow) const noexcept {
  constexpr size_t kOwn = offsetof(WheelNode, due);
  static_assert(offsetof(Flow, timer) == 0 && offsetof(WheelNode, next) < kOwn && offsetof(WheelNode, prev) < kOwn);
  if (records_[slot].size == 0 || noted_[slot] != 0) return false;
  const Likeness& before = likenesses_[slot];
  WheelNode timer;
  std::memcpy(&timer, before.octets, sizeof timer);
  const char* const octets = reinterpret_cast<const char*>(&flow);
  return std::memcmp(octets + kOwn, before.octets + kOwn, sizeof(Flow) - kOwn) == 0 && (timer.prev == 0) == (flow.timer.prev == 0);
}

Text Drafts::describe(ImageWriter& image, uint32_t slot, const Flow& flow) noexcept {
  const size_t at = image.size();
  image.fields(slot, Draft::flow);
  freeze_flow(image, slot, flow);
  notes_.freeze_slot(image, slot);
  return image.since(at);
}

bool Drafts::is_as_drawn(ImageWriter& image, uint32_t slot, const Flow& flow) noexcept {
  const size_t at = image.size();
  const bool is = describe(image, slot, flow) == Text(records_[slot].octets, records_[slot].size);
  image.take_back(at);
  return is;
}

void Drafts::remember(uint32_t slot) noexcept {
  noted_[slot] = 0;
  if (const Flow* const flow = flows_.open_at(slot)) std::memcpy(likenesses_[slot].octets, flow, sizeof(Flow));
}

void Drafts::draw(ImageWriter& image, uint32_t slot, const Flow& flow) noexcept {
  const size_t at = image.size();
  const Text now = describe(image, slot, flow);
  if (now == Text(records_[slot].octets, records_[slot].size)) {
    remember(slot);
    return image.take_back(at);
  }
  round_.push_back({slot, flow.generation, at, static_cast<uint32_t>(now.size())});
}

void Drafts::strike_out(ImageWriter& image, uint32_t slot) noexcept {
  image.fields(slot, Draft::none);
  round_.push_back({slot, 0, image.size(), 0});
}

void Drafts::gone(Text image) noexcept {
  for (const Change& change : round_) {
    records_[change.slot] = {image.data() + change.at, change.size, change.generation};
    remember(change.slot);
  }
  round_.clear();
}

}  // namespace sluice
