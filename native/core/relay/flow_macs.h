// Where the MACs of a flow's tokens are kept.
#pragma once

#include "core/relay/edge_config.h"
#include "core/flow/flow_table.h"

namespace sluice {

// Beside the flow of that name in its present life, for make_token() and verify_token(). nullptr: it is another shard's, or another life's, or has
// ended, or there is no room beside it.
TokenMacs* macs_of(const EdgeConfig& config, FlowTable& flows, const FlowName& name) noexcept;

}  // namespace sluice
