// The name of a flow as the object path and the location store keep it: text that never leaves the operator's machines, so unsigned.
//
//   stream  s/LISTENER/SHARD/BOOT/SLOT/GENERATION, numbers
//   UDP     u/LOCAL-IP/LOCAL-PORT/REMOTE-IP/REMOTE-PORT: the same after a restart
#pragma once

#include "core/relay/edge_config.h"
#include "core/relay/source.h"

namespace sluice {

constexpr size_t kMaxFlowId = 128;

struct FlowId {
  FlowName name;
  uint16_t listener = 0;
};

// Writes the text and returns its length; at most kMaxFlowId octets.
size_t format_flow_id(const EdgeConfig& config, const Source& source, char* out) noexcept;

// False: no such text, or a flow of a listener or of a start of the process that is no more.
bool parse_flow_id(const EdgeConfig& config, Text text, FlowId& out) noexcept;

}  // namespace sluice
