#include "core/shard/object_events.h"

#include "core/relay/flow_id.h"
#include "core/relay/object_branch.h"

namespace sluice {

void ObjectEvents::flow_ended(Text id) noexcept {
  list_.push_back({ObjectEventKind::flow_gone, std::string(id)});
  RingHead head{};
  head.kind = RingHead::flow_gone;
  for (unsigned shard = 0; shard < ground_.config.shards; ++shard)
    if (shard != ground_.config.shard) crossing_.push(static_cast<uint8_t>(shard), head, id);
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
  if (keeper == ground_.config.shard) {
    list_.push_back({ObjectEventKind::send_failed, std::string(branch)});
  } else {
    RingHead head{};
    head.kind = RingHead::send_failed;
    crossing_.push(keeper, head, branch);
  }
  return true;
}

void ObjectEvents::take(const RingHead& head, Text text) noexcept {
  list_.push_back({head.kind == RingHead::flow_gone ? ObjectEventKind::flow_gone_elsewhere : ObjectEventKind::send_failed, std::string(text)});
}

}  // namespace sluice
