#include "core/shard/handover.h"

#include <algorithm>

namespace sluice {
void Handover::choose() noexcept {
  moves_.assign(ground_.flows.slots(), false);
  for (uint32_t slot = 1; slot < ground_.flows.slots(); ++slot) {
    const Flow* const flow = ground_.flows.open_at(slot);
    moves_[slot] = flow != nullptr && (drafts_.hold(slot, flow->generation) || is_portable(*flow));
  }
}

bool Handover::announce(std::vector<MovingFlow>& out, size_t most) noexcept {
  parts_.connections.share_descriptors(true);
  drop_ended(out);
  for (; announced_up_to_ + 1 < ground_.flows.slots(); ++announced_up_to_) {
    const uint32_t slot = announced_up_to_ + 1;
    const Flow* const flow = ground_.flows.open_at(slot);
    if (flow == nullptr || flow->kind != FlowKind::stream || !is_portable(*flow)) continue;
    if (most-- == 0) return true;
    if (slot >= announced_.size()) announced_.resize(ground_.flows.slots());
    announced_[slot] = flow->generation;
    out.push_back({slot, flow->generation, flow->fd});
  }
  return false;
}

// Their descriptors may be others' by now.
void Handover::drop_ended(std::vector<MovingFlow>& flows) noexcept {
  std::erase_if(flows, [this](const MovingFlow& one) { return ground_.flows.find({one.slot, one.generation}) == nullptr; });
}

void Handover::end_announcing() noexcept {
  parts_.connections.share_descriptors(false);
  drafts_.clear();
  announced_.clear();
  announced_up_to_ = 0;
}

uint32_t Handover::draft(ImageWriter& image, uint32_t& slot, uint32_t most) noexcept {
  const uint32_t slots = ground_.flows.slots();
  const uint32_t from = std::max(slot, 1u);
  const uint32_t to = from + most < slots ? from + most : slots;
  freeze_place(image);
  const uint32_t changed = drafts_.write(image, from, to, [this](uint32_t at, const Flow& flow) { return flow.kind == FlowKind::udp || was_announced(at, flow.generation); });
  slot = to < slots ? to : 0;
  return changed;
}

void Handover::freeze(ImageWriter& image, std::vector<MovingFlow>& rest) noexcept {
  choose();
  drop_ended(rest);
  freeze_place(image);
  image.fields(ground_.flows.last_generation());
  freeze_flows(image, rest);
  freeze_closing(image);
  freeze_parts(image);
}

void Handover::freeze_place(ImageWriter& image) const noexcept {
  const EdgeConfig& config = ground_.config;
  image.fields(config.node, config.shard, config.shards, config.boot);
  image.count(config.listeners.size());
  for (const Listener& listener : config.listeners) image.fields(listener.transport, listener.bound);
}

void Handover::freeze_flows(ImageWriter& image, std::vector<MovingFlow>& rest) noexcept {
  const size_t at = image.later();
  uint32_t written = 0;
  moved_ = MoveCounts{};
  for (uint32_t slot = 1; slot < ground_.flows.slots(); ++slot) {
    const Flow* const flow = ground_.flows.open_at(slot);
    if (flow == nullptr) continue;
    if (!moves(slot)) {
      ++moved_.kept;
      continue;
    }
    ++moved_.over;
    if (drafts_.hold(slot, flow->generation)) continue;
    freeze_flow(image, slot, *flow);
    ++written;
    if (flow->kind == FlowKind::stream && !was_announced(slot, flow->generation)) rest.push_back({slot, flow->generation, flow->fd});
  }
  image.set(at, written);
}

void Handover::freeze_closing(ImageWriter& image) noexcept {
  const size_t at = image.later();
  uint32_t closing = 0;
  for (const CloseList::Entry& entry : ground_.closing.entries()) {
    if (ground_.flows.find(entry.flow) == nullptr || !moves(entry.flow.slot)) continue;
    image.fields(entry.flow.slot, entry.flow.generation);
    ++closing;
  }
  image.set(at, closing);
}

void Handover::freeze_parts(ImageWriter& image) noexcept {
  const auto moving = [this](uint32_t slot) { return moves(slot); };
  const auto is_in_image = [this](uint32_t slot) { return moves(slot) && !drafts_.hold(slot, ground_.flows.at(slot).generation); };
  parts_.timers.freeze(image);
  parts_.ends.notes().freeze(image, is_in_image);
  parts_.udp_flows.freeze_ages(image);
  parts_.connections.freeze(image, moving);
  parts_.upstreams.freeze(image);
  parts_.admission.freeze(image);
  parts_.remembered.freeze(image, moving);
  parts_.responder.freeze(image);
  parts_.events.freeze(image);
  parts_.core_sender.freeze(image);
  parts_.object.freeze(image);
  parts_.registering.freeze(image);
  parts_.proxying.freeze(image);
  parts_.crossing.freeze(image);
}

void Handover::let_go() noexcept {
  moves_.resize(ground_.flows.slots());
  parts_.remembered.let_go([this](uint32_t slot) { return moves(slot); });
  for (uint32_t slot = 1; slot < ground_.flows.slots(); ++slot) {
    const Flow* const flow = ground_.flows.open_at(slot);
    if (flow == nullptr || !moves(slot)) continue;
    if (flow->kind == FlowKind::stream) parts_.connections.let_go(slot);
    else parts_.udp_flows.forget(slot);
  }
  parts_.connections.let_go_unsent();
  parts_.admission.let_go();
  parts_.responder.let_go();
  parts_.events.let_go();
  parts_.proxying.let_go();
  parts_.crossing.discard();
  end_announcing();
}

const char* Handover::adopt(Text octets, std::vector<MovingFlow>& flows) noexcept {
  std::sort(flows.begin(), flows.end(), Arrivals::is_before);
  const char* fault = nullptr;
  uint32_t version = 0;
  const Text inside = open_image(octets, ImageOf::shard, version, fault);
  ImageReader image(inside, version);
  if (fault != nullptr) image.fail(fault);
  check_place(image);
  image.expect(has_drafts_ || ground_.flows.size() == 0, "this shard has flows of its own");
  const bool fits = image.good();
  if (fits) adopt_flows(image, flows);
  if (image.good()) adopt_closing(image);
  if (image.good()) adopt_parts(image);
  image.expect(image.empty(), "something follows its end");
  arrivals_.drop_unclaimed();
  if ((fits || has_drafts_) && !image.good()) drop_all();
  has_drafts_ = false;
  return image.fault();
}

const char* Handover::adopt_drafts(Text octets) noexcept {
  std::vector<MovingFlow> none;
  if (!has_drafts_ && ground_.flows.size() > 0) return "this shard has flows of its own";
  has_drafts_ = true;
  const char* const fault = adopt_image(octets, ImageOf::drafts, [&](ImageReader& image) {
    check_place(image);
    while (image.good() && !image.empty()) {
      uint32_t slot = 0;
      Draft draft = Draft::none;
      image.fields(slot, draft);
      if (ground_.flows.open_at(slot) != nullptr) arrivals_.take_back(slot);
      if (draft == Draft::none) continue;
      image.expect(draft == Draft::flow, "what is said of a flow is unknown");
      if (image.good()) arrivals_.read(image, none);
      if (image.good()) parts_.ends.notes().adopt_slot(image, ground_.flows);
    }
  });
  if (fault != nullptr) drop_all();
  return fault;
}

void Handover::drop_all() noexcept {
  moves_.assign(ground_.flows.slots(), true);
  let_go();
  ground_.closing.take(SIZE_MAX);
  has_drafts_ = false;
}

// Whether the shard is the one that the image names.
void Handover::check_place(ImageReader& image) noexcept {
  const EdgeConfig& config = ground_.config;
  uint8_t node = 0, shard = 0, shards = 0;
  uint16_t boot = 0;
  image.fields(node, shard, shards, boot);
  image.expect(node == config.node, "SLUICE_NODE has changed");
  image.expect(shard == config.shard && shards == config.shards, "SLUICE_SHARDS has changed, or it is another shard's");
  image.expect(boot == config.boot, "it is of another process");
  const uint32_t listeners = image.count(sizeof(Address));
  image.expect(listeners <= config.listeners.size(), "a listener is gone");
  for (uint32_t i = 0; i < listeners && image.good(); ++i) {
    Transport transport = Transport::udp;
    Address bound;
    image.fields(transport, bound);
    image.expect(transport == config.listeners[i].transport && bound == config.listeners[i].bound, "its listeners are others, or in another order");
  }
}

void Handover::adopt_flows(ImageReader& image, std::vector<MovingFlow>& flows) noexcept {
  uint32_t generation = 0;
  image.fields(generation);
  for (uint32_t left = image.count(sizeof(FlowHandle)); left > 0 && image.good(); --left) arrivals_.read(image, flows);
  ground_.flows.settle(image.good() ? generation : ground_.flows.last_generation());
}

void Handover::adopt_closing(ImageReader& image) noexcept {
  for (uint32_t left = image.count(sizeof(FlowHandle)); left > 0; --left) {
    FlowHandle flow;
    image.fields(flow.slot, flow.generation);
    // Counters have no fixed numbers, and why it ends has been counted where it matters.
    if (ground_.flows.find(flow) != nullptr && ground_.flows.at(flow.slot).kind == FlowKind::stream) ground_.closing.add(flow, Counter::flows_closed);
    else image.fail("a flow that ends is none");
  }
}

void Handover::adopt_parts(ImageReader& image) noexcept {
  parts_.timers.adopt(image);
  parts_.ends.notes().adopt(image, ground_.flows);
  parts_.udp_flows.adopt_ages(image);
  parts_.connections.adopt(image);
  parts_.upstreams.adopt(image);
  parts_.admission.adopt(image, ground_.config, parts_.upstreams.targets().size());
  parts_.remembered.adopt(image);
  parts_.responder.adopt(image);
  parts_.events.adopt(image);
  parts_.core_sender.adopt(image);
  parts_.object.adopt(image);
  parts_.registering.adopt(image);
  parts_.proxying.adopt(image);
  parts_.crossing.adopt(image);
}

}  // namespace sluice
