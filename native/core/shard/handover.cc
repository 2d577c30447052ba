#include "core/shard/handover.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>

namespace sluice {
namespace {

bool has_lower_place(const MovingFlow& one, const MovingFlow& other) noexcept { return one.slot != other.slot ? one.slot < other.slot : one.generation < other.generation; }

}  // namespace

void Handover::choose() noexcept {
  moves_.assign(ground_.flows.slots(), false);
  for (uint32_t slot = 1; slot < ground_.flows.slots(); ++slot) {
    const Flow* const flow = ground_.flows.open_at(slot);
    moves_[slot] = flow != nullptr && is_portable(*flow);
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
  announced_.clear();
  announced_up_to_ = 0;
}

void Handover::expect(const MovingFlow& flow, int epoll) noexcept {
  epoll_ = epoll;
  if (flow.slot == 0 || flow.slot > most_slots()) return void(close(flow.fd));
  if (flow.slot >= expected_.size()) expected_.resize(size_t{flow.slot} + flow.slot / 2 + 64);
  drop_expected(expected_[flow.slot]);
  expected_[flow.slot] = flow;
  Connections::watch_new(epoll, flow);
}

// epoll would go on reporting it as long as the other process has it open.
void Handover::drop_expected(MovingFlow& flow) noexcept {
  if (flow.fd < 0) return;
  epoll_ctl(epoll_, EPOLL_CTL_DEL, flow.fd, nullptr);
  close(std::exchange(flow.fd, -1));
}

void Handover::freeze(uint32_t version, std::vector<char>& octets, std::vector<MovingFlow>& rest) noexcept {
  choose();
  drop_ended(rest);
  ImageWriter image(ImageOf::shard, version, std::move(octets));
  const EdgeConfig& config = ground_.config;
  image.fields(config.node, config.shard, config.shards, config.boot);
  image.count(config.listeners.size());
  for (const Listener& listener : config.listeners) image.fields(listener.transport, listener.bound);
  image.fields(ground_.flows.last_generation());
  freeze_flows(image, rest);
  freeze_closing(image);
  freeze_parts(image);
  octets = image.finish();
}

void Handover::freeze_flows(ImageWriter& image, std::vector<MovingFlow>& rest) noexcept {
  const size_t at = image.later();
  moved_ = MoveCounts{};
  for (uint32_t slot = 1; slot < ground_.flows.slots(); ++slot) {
    const Flow* const flow = ground_.flows.open_at(slot);
    if (flow == nullptr) continue;
    if (!moves(slot)) {
      ++moved_.kept;
      continue;
    }
    freeze_flow(image, slot, *flow);
    ++moved_.over;
    if (flow->kind == FlowKind::stream && !was_announced(slot, flow->generation)) rest.push_back({slot, flow->generation, flow->fd});
  }
  image.set(at, moved_.over);
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
  parts_.timers.freeze(image);
  parts_.ends.notes().freeze(image, moving);
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
  std::sort(flows.begin(), flows.end(), has_lower_place);
  const char* fault = nullptr;
  uint32_t version = 0;
  const Text inside = open_image(octets, ImageOf::shard, version, fault);
  ImageReader image(inside, version);
  if (fault != nullptr) image.fail(fault);
  check_place(image);
  image.expect(ground_.flows.size() == 0, "this shard has flows of its own");
  const bool fits = image.good();
  if (fits) adopt_flows(image, flows);
  if (image.good()) adopt_closing(image);
  if (image.good()) adopt_parts(image);
  image.expect(image.empty(), "something follows its end");
  for (MovingFlow& unwanted : expected_) drop_expected(unwanted);
  expected_ = {};
  if (fits && !image.good()) drop_all();
  return image.fault();
}

void Handover::drop_all() noexcept {
  moves_.assign(ground_.flows.slots(), true);
  let_go();
  ground_.closing.take(SIZE_MAX);
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
  FlowDraft draft;
  for (uint32_t left = image.count(sizeof(FlowHandle)); left > 0 && image.good(); --left) {
    if (!read_flow(image, ground_.pool, parts_.connections.tls(), draft)) break;
    adopt_flow(image, draft, flows);
    if (!image.good()) forget_belongings(ground_.pool, draft.flow);
  }
  ground_.flows.settle(image.good() ? generation : ground_.flows.last_generation());
}

void Handover::adopt_flow(ImageReader& image, FlowDraft& draft, std::vector<MovingFlow>& flows) noexcept {
  Flow& flow = draft.flow;
  const MovingFlow wanted{draft.slot, flow.generation, -1};
  bool is_watched = false;
  image.expect(draft.slot <= most_slots() && flow.listener < ground_.config.listeners.size(), "a flow is out of range");
  if (flow.kind == FlowKind::stream) {
    if (image.good()) flow.fd = take_descriptor(wanted, flows, is_watched);
    image.expect(flow.fd >= 0, "the descriptor of a connection has not arrived");
  } else {
    image.expect(!is_stream(ground_.config.listeners[flow.listener].transport), "a UDP flow is on a listener for connections");
  }
  if (!image.good()) return;
  if (!ground_.flows.place(draft.slot, flow)) {
    if (flow.fd >= 0) close(flow.fd);
    return image.fail("two flows have one slot");
  }
  if (flow.kind == FlowKind::stream) parts_.connections.came(draft.slot, is_watched);
  else parts_.udp_flows.came(draft.slot);
  if (draft.is_armed) parts_.timers.arm_at(draft.slot, flow.timer.due);
  if (flow.kind == FlowKind::stream) parts_.streams.goes_on(draft.slot);
}

// -1: there is none.
int Handover::take_descriptor(const MovingFlow& wanted, std::vector<MovingFlow>& flows, bool& is_watched) noexcept {
  MovingFlow* const expected = wanted.slot < expected_.size() ? &expected_[wanted.slot] : nullptr;
  is_watched = expected != nullptr && expected->generation == wanted.generation && expected->fd >= 0;
  if (is_watched) return std::exchange(expected->fd, -1);
  const auto found = std::lower_bound(flows.begin(), flows.end(), wanted, has_lower_place);
  return found == flows.end() || has_lower_place(wanted, *found) ? -1 : std::exchange(found->fd, -1);
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
