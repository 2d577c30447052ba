#include "core/shard/object_events.h"

#include "core/relay/flow_id.h"
#include "core/relay/object_branch.h"

namespace sluice {

void ObjectEvents::flow_ended(Text id) noexcept {
  list_.push_back({ObjectEventKind::flow_gone, std::string(id)});
  for (unsigned shard = 0; shard < ground_.config.shards; ++shard)
    if (shard != ground_.config.shard) send_event(static_cast<uint8_t>(shard), RingHead::flow_gone, id);
}

void ObjectEvents::bound_flow_ended(uint32_t slot) noexcept {
  Flow& flow = ground_.flows.at(slot);
  if ((flow.marks & kMark_bound) == 0) return;
  flow.marks &= static_cast<uint8_t>(~kMark_bound);
  char id[kMaxFlowId];
  flow_ended(Text(id, format_flow_id(ground_.config, source_of_flow(ground_.config, slot, flow), id)));
}

bool ObjectEvents::send_failed(Text branch) noexcept {
  uint8_t keeper = 0;
  if (!ground_.config.home || !read_object_branch(ground_.config, branch, keeper)) return false;
  if (keeper == ground_.config.shard) list_.push_back({ObjectEventKind::send_failed, std::string(branch)});
  else send_event(keeper, RingHead::send_failed, branch);
  return true;
}

bool ObjectEvents::unreachable(Text branch) noexcept {
  uint8_t keeper = 0;
  if (!ground_.config.home || !read_object_branch(ground_.config, branch, keeper) || keeper != ground_.config.shard) return false;
  list_.push_back({ObjectEventKind::unreachable, std::string(branch)});
  return true;
}

// A shard that misses this keeps a caller waiting for timer C, or a binding that leads nowhere; so we retry.
void ObjectEvents::send_event(uint8_t shard, RingHead::Kind kind, Text text) noexcept {
  RingHead head{};
  head.kind = kind;
  if (crossing_.push(shard, head, text)) return;
  if (unsent_.size() < kMaxUnsent) unsent_.push_back({shard, head, std::string(text)});
  else ground_.counters.add(Counter::object_events_lost);
}

void ObjectEvents::retry() noexcept {
  while (!unsent_.empty()) {
    const Unsent& event = unsent_.front();
    if (crossing_.push(event.shard, event.head, event.text)) {
      unsent_.pop_front();
      continue;
    }
    // Next time, try another shard.
    unsent_.push_back(event);
    return unsent_.pop_front();
  }
}

std::vector<ObjectEvent> ObjectEvents::take(size_t most) noexcept {
  std::vector<ObjectEvent> first;
  for (; !list_.empty() && first.size() < most; list_.pop_front()) first.push_back(std::move(list_.front()));
  return first;
}

void ObjectEvents::take(const RingHead& head, Text text) noexcept {
  list_.push_back({head.kind == RingHead::flow_gone ? ObjectEventKind::flow_gone_elsewhere : ObjectEventKind::send_failed, std::string(text)});
}

}  // namespace sluice
