// The UDP flows that something must be remembered of, and the names of all the others (RFC 5626 5.2).
#pragma once

#include "core/shard/flow_ends.h"
#include "core/shard/flow_timers.h"

namespace sluice {

class UdpFlows {
 public:
  UdpFlows(Ground& ground, FlowTimers& timers, FlowEnds& ends) noexcept : ground_(ground), timers_(timers), ends_(ends) {}

  // The slot of the flow, which is remembered from now on; 0: the table is full. `birth` as its token says, 0: it has none yet.
  uint32_t remember(const Address& remote, uint16_t listener, uint32_t birth) noexcept;
  void died(uint32_t slot, Counter why) noexcept;
  void forget(uint32_t slot) noexcept;
  // What a token of the flow that a message came over says. `renew`: a flow that was dead is born again.
  FlowName name_of(const Source& source, bool renew) noexcept;
  // As if a message had come from there.
  Source source_of(const Address& remote, uint16_t listener) noexcept;

 private:
  uint32_t birth_today() const noexcept;

  Ground& ground_;
  FlowTimers& timers_;
  FlowEnds& ends_;
};

}  // namespace sluice
