// Where a message came from: where its response must go, and what a token of its flow would contain.
#pragma once

#include "core/flow/flow_table.h"
#include "core/relay/edge_config.h"

namespace sluice {

struct Source {
  Address remote;
  uint16_t listener = 0;      // index in EdgeConfig::listeners
  FlowKind kind = FlowKind::udp;
  Transport transport = Transport::udp;
  uint8_t shard = 0;          // the one that received it
  bool from_core = false;
  uint8_t flow_flags = 0;     // FlowFlag bits
  uint32_t slot = 0;          // of the flow on that shard; 0: a UDP source that we do not remember
  uint32_t generation = 0;
  uint32_t birth = 0;         // UDP
};

// The source of a message that arrives on this open flow.
inline Source source_of_flow(const EdgeConfig& config, uint32_t slot, const Flow& flow) noexcept {
  Source source;
  source.remote = flow.remote;
  source.listener = flow.listener;
  source.kind = flow.kind;
  const bool dialled = flow.flags & kFlow_dialled;
  source.transport = !dialled ? config.listeners[flow.listener].transport : flow.stream.layer != nullptr ? Transport::tls : Transport::tcp;
  source.shard = config.shard;
  source.from_core = (flow.flags & kFlow_core) != 0;
  source.flow_flags = flow.flags;
  source.slot = slot;
  source.generation = flow.generation;
  source.birth = flow.birth;
  return source;
}

// For another process (core/base/image.h).
template <typename Image, typename AnySource>
void describe_source(Image& image, AnySource& source) noexcept {
  image.fields(source.remote, source.listener, source.kind, source.transport, source.shard, source.from_core, source.flow_flags, source.slot, source.generation, source.birth);
}
inline bool is_in_range(const EdgeConfig& config, const Source& source) noexcept {
  return source.listener < config.listeners.size() && source.kind <= FlowKind::udp && source.transport <= Transport::wss && source.shard < config.shards;
}

// The flow that a message arrived on, as its token names it.
inline FlowName name_of_flow(const EdgeConfig& config, const Source& source) noexcept {
  FlowName name;
  name.kind = source.kind;
  name.shard = source.shard;
  if (source.kind == FlowKind::stream) {
    name.boot = config.boot;
    name.slot = source.slot;
    name.generation = source.generation;
  } else {
    name.birth = source.birth;
    name.remote = source.remote;
    name.local = config.listeners[source.listener].bound;
  }
  return name;
}

}  // namespace sluice
