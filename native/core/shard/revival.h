// The flows of a process that has crashed go on in this one: their descriptors come from the keeper, what is known about them from the memory
// that it has kept (docs/decisions/keeper.md). Or that process had just taken them over from this one, which has them open itself.
#pragma once

#include <functional>
#include <vector>

#include "core/shard/connections.h"
#include "core/shard/moving_flow.h"
#include "core/shard/stream_reader.h"
#include "core/shard/udp_flows.h"

namespace sluice {

// Whether this flow had gone to the process that has crashed.
using HadMoved = std::function<bool(uint32_t slot)>;

struct RevivedCounts {
  uint32_t kept = 0;
  uint32_t lost = 0;      // connections, those in a handshake among them
  int64_t messages = 0;   // at most so many were received and not handled; summed over all shards, as what lies between two is counted by both
  int64_t requests = 0;   // at most so many waited for an answer that nobody gives them now
};

// From the keeper, after ask_flows: what each shard has left. 0 or an errno.
int receive_left(int channel, std::vector<LeftFlows>& shards) noexcept;

// Without a keeper: the memory of which the process that has taken over has told us over that channel; -1: none.
int receive_memory(int channel) noexcept;

// What goes on of the marks of a flow.
constexpr uint8_t kMarksKept = kMark_spoke | kMark_bound;

// How a connection goes on.
struct Standing {
  Text unread;  // taken from the socket, and nobody has looked at it; in kept memory
  Text tls;     // the state of its session; in kept memory, as it was before what was sealed and not sent
  uint32_t octets_read = 0;
  uint32_t octets_sent = 0;
};

// Whether all that was read of it has been dealt with, and all that was written has gone: nothing of it was in the memory of the process alone.
bool is_between_messages(const KeptMemory& memory, uint32_t slot, int fd, Standing& out) noexcept;

class Revival {
 public:
  Revival(Ground& ground, FlowTimers& timers, FlowEnds& ends, UdpFlows& udp_flows, Connections& connections, StreamReader& streams) noexcept
      : ground_(ground), timers_(timers), ends_(ends), udp_flows_(udp_flows), connections_(connections), streams_(streams) {}
  Revival(const Revival&) = delete;
  Revival& operator=(const Revival&) = delete;

  // In an empty shard. The descriptors of `flows` are ours from now on. nullptr, or why none of them could be taken.
  const char* take(int memory, const std::vector<MovingFlow>& flows, RevivedCounts& counts) noexcept;

  // taking_back.cc
  // In a shard that has been handed over and holds still. `memory`: of the other process, -1: unknown. The descriptors of `flows`, which the keeper
  // had, are ours from now on.
  void take_back(int memory, const std::vector<MovingFlow>& flows, const HadMoved& moved, RevivedCounts& counts) noexcept;

 private:
  enum class Fate : uint8_t { goes_on, is_lost, had_ended };
  void take_all(const KeptMemory& memory, const std::vector<MovingFlow>& flows, RevivedCounts& counts) noexcept;
  bool take_one(const KeptMemory& memory, const MovingFlow& one) noexcept;
  bool is_ours(const KeptHead& head) const noexcept;
  Fate fate_of(const KeptMemory* memory, uint32_t slot) noexcept;
  bool goes_on_as(const KeptMemory& memory, uint32_t slot) noexcept;
  bool takes_layer(const KeptMemory& memory, uint32_t slot, Text tls) noexcept;
  bool take_unread(Flow& flow, Text octets) noexcept;
  Fate follow_udp(const KeptMemory* memory, uint32_t slot) noexcept;
  void take_udp(const KeptMemory& memory, uint32_t slot) noexcept;
  uint32_t count_unanswered(const KeptMemory& memory) noexcept;
  bool has_layer(const KeptMemory& memory, const MovingFlow& one, Text tls, Flow& flow) noexcept;
  void take_notes(const KeptMemory& memory, uint32_t slot) noexcept;
  void refuse(const MovingFlow& one) noexcept;

  Ground& ground_;
  FlowTimers& timers_;
  FlowEnds& ends_;
  UdpFlows& udp_flows_;
  Connections& connections_;
  StreamReader& streams_;
};

}  // namespace sluice
