// The name of a flow in the object path and the location store. The text never leaves the operator's machines, so it is not signed.
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

// Writes the text, at most kMaxFlowId octets, and returns its length.
size_t format_flow_id(const EdgeConfig& config, const Source& source, char* out) noexcept;

// The same without its text: what parse_flow_id() reads in it.
FlowId flow_id_of(const EdgeConfig& config, const Source& source) noexcept;

// Where a message over this flow would come from.
Source source_of(const FlowId& flow) noexcept;

// False: not a flow id, or its listener or its run of the process no longer exists.
bool parse_flow_id(const EdgeConfig& config, Text text, FlowId& out) noexcept;

// The same for a connection of any run of the process. False: it does not name one.
bool parse_stream_id(Text text, FlowId& out) noexcept;

}  // namespace sluice
