// The two timing wheels of a shard, over the nodes inside flows and remembered requests.
#pragma once

#include "core/shard/shard.h"
#include "core/base/timing_wheel.h"

namespace sluice {

struct FlowNodes {
  FlowTable& table;
  WheelNode& node(uint32_t index) noexcept { return table.node(index); }
};

struct PendingNodes {
  PendingTable& table;
  WheelNode& node(uint32_t index) noexcept { return table.node(index); }
};

struct Shard::Wheels {
  Wheels(FlowTable& flows, PendingTable& pending, uint32_t now) noexcept
      : flow_nodes{flows}, pending_nodes{pending}, flows(flow_nodes, now), pending(pending_nodes, now) {}
  FlowNodes flow_nodes;
  PendingNodes pending_nodes;
  TimingWheel<FlowNodes> flows;
  TimingWheel<PendingNodes> pending;
};

}  // namespace sluice
