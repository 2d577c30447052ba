// The flows of a process that has crashed go on in this one: their descriptors come from the keeper, what is known about them from the memory
// that it has kept (docs/decisions/keeper.md).
#pragma once

#include <vector>

#include "core/shard/connections.h"
#include "core/shard/moving_flow.h"
#include "core/shard/udp_flows.h"

namespace sluice {

struct RevivedCounts {
  uint32_t kept = 0;
  uint32_t lost = 0;      // connections, those in a handshake among them
  uint32_t messages = 0;  // that were received and perhaps not handled
};

// From the keeper, after ask_flows: what each shard has left. 0 or an errno.
int receive_left(int channel, std::vector<LeftFlows>& shards) noexcept;

class Revival {
 public:
  Revival(Ground& ground, FlowTimers& timers, FlowEnds& ends, UdpFlows& udp_flows, Connections& connections) noexcept
      : ground_(ground), timers_(timers), ends_(ends), udp_flows_(udp_flows), connections_(connections) {}
  Revival(const Revival&) = delete;
  Revival& operator=(const Revival&) = delete;

  // In an empty shard. The descriptors of `flows` are ours from now on. nullptr, or why none of them could be taken.
  const char* take(int memory, const std::vector<MovingFlow>& flows, RevivedCounts& counts) noexcept;

 private:
  void take_all(const KeptMemory& memory, const std::vector<MovingFlow>& flows, RevivedCounts& counts) noexcept;
  bool take_one(const KeptMemory& memory, const MovingFlow& one) noexcept;
  void take_udp(const KeptMemory& memory, uint32_t slot) noexcept;
  bool has_layer(const KeptMemory& memory, const MovingFlow& one, Flow& flow) noexcept;
  void take_notes(const KeptMemory& memory, uint32_t slot) noexcept;
  void refuse(const MovingFlow& one) noexcept;

  Ground& ground_;
  FlowTimers& timers_;
  FlowEnds& ends_;
  UdpFlows& udp_flows_;
  Connections& connections_;
};

}  // namespace sluice
