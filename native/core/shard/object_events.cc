#include "core/shard/object_events.h"

#include "core/relay/flow_id.h"
#include "core/relay/object_branch.h"

namespace sluice {

void ObjectEvents::add(ObjectEventKind kind, Text text, bool for_objects, bool for_numbers) noexcept {
  if (for_objects) list_.push_back({kind, std::string(text)});
  if (for_numbers && serves_numbers_) for_numbers_.push_back({kind, std::string(text)});
}

bool ObjectEvents::take_for_numbers(ObjectEvent& out) noexcept {
  if (for_numbers_.empty()) return false;
  out = std::move(for_numbers_.front());
  for_numbers_.pop_front();
  return true;
}

void ObjectEvents::flow_ended(Text id) noexcept {
  add(ObjectEventKind::flow_gone, id, true, true);
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
  KeptBy by = KeptBy::objects;
  if (!ground_.config.home || !read_object_branch(ground_.config, branch, keeper, by)) return false;
  if (keeper == ground_.config.shard) add(ObjectEventKind::send_failed, branch, by == KeptBy::objects, by == KeptBy::numbers);
  else send_event(keeper, RingHead::send_failed, branch);
  return true;
}

bool ObjectEvents::datagram_failed(ObjectEventKind kind, Text branch) noexcept {
  uint8_t keeper = 0;
  KeptBy by = KeptBy::objects;
  if (!ground_.config.home || !read_object_branch(ground_.config, branch, keeper, by) || keeper != ground_.config.shard) return false;
  add(kind, branch, by == KeptBy::objects, by == KeptBy::numbers);
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
  if (head.kind == RingHead::flow_gone) return add(ObjectEventKind::flow_gone_elsewhere, text, true, true);
  uint8_t keeper = 0;
  KeptBy by = KeptBy::objects;
  if (read_object_branch(ground_.config, text, keeper, by)) add(ObjectEventKind::send_failed, text, by == KeptBy::objects, by == KeptBy::numbers);
}

void ObjectEvents::freeze(ImageWriter& image) const noexcept {
  for (const std::deque<ObjectEvent>* list : {&list_, &for_numbers_}) {
    image.count(list->size());
    for (const ObjectEvent& event : *list) {
      image.fields(event.kind);
      image.text(event.text);
    }
  }
  image.count(unsent_.size());
  for (const Unsent& event : unsent_) {
    image.fields(event.shard, event.head.kind);
    image.text(event.text);
  }
}

void ObjectEvents::adopt(ImageReader& image) noexcept {
  for (std::deque<ObjectEvent>* list : {&list_, &for_numbers_}) {
    for (uint32_t left = image.count(sizeof(uint32_t)); left > 0; --left) {
      ObjectEvent event{};
      image.fields(event.kind);
      event.text = image.text();
      image.expect(event.kind <= ObjectEventKind::held_back, "an event of the object path is unknown");
      list->push_back(std::move(event));
    }
  }
  for (uint32_t left = image.count(sizeof(uint32_t)); left > 0; --left) {
    Unsent event{};
    image.fields(event.shard, event.head.kind);
    event.text = image.text();
    image.expect(event.shard < ground_.config.shards && (event.head.kind == RingHead::flow_gone || event.head.kind == RingHead::send_failed), "an event for another shard is unknown");
    if (image.good()) unsent_.push_back(std::move(event));
  }
}

void ObjectEvents::let_go() noexcept {
  list_.clear();
  for_numbers_.clear();
  unsent_.clear();
}

}  // namespace sluice
