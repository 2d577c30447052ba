#include "core/relay/flow_macs.h"

namespace sluice {

TokenMacs* macs_of(const EdgeConfig& config, FlowTable& flows, const FlowName& name) noexcept {
  if (name.shard != config.shard) return nullptr;
  if (name.kind == FlowKind::stream) return name.boot == config.boot ? flows.stream_macs({name.slot, name.generation}) : nullptr;
  const int listener = find_listener(config, Transport::udp, name.local);
  const uint32_t slot = listener < 0 ? 0 : flows.find_udp(name.remote, static_cast<uint16_t>(listener));
  if (slot == 0) return nullptr;
  Flow& flow = flows.at(slot);
  return flow.birth == name.birth ? &flow.macs : nullptr;
}

}  // namespace sluice
