// The UDP flows that something must be remembered of, and the names of all the others (RFC 5626 5.2).
#pragma once

#include "core/flow/udp_ages.h"
#include "core/shard/flow_ends.h"
#include "core/shard/flow_timers.h"
#include "core/shard/shares.h"

namespace sluice {

class UdpFlows {
 public:
  UdpFlows(Ground& ground, FlowTimers& timers, FlowEnds& ends) noexcept : ground_(ground), shares_(ground), timers_(timers), ends_(ends) {}
  ~UdpFlows() noexcept;
  UdpFlows(const UdpFlows&) = delete;
  UdpFlows& operator=(const UdpFlows&) = delete;

  // The slot of the flow, which is remembered from now on; 0: there is no room. `birth` as its token says, 0: it has none yet.
  // `registers`: it becomes the flow of a registration.
  uint32_t remember(const Address& remote, uint16_t listener, uint32_t birth, bool registers) noexcept;
  void died(uint32_t slot, Counter why) noexcept;
  void forget(uint32_t slot) noexcept;
  // What a token of the flow that a message came over says. `renew`: a flow that was dead is born again.
  FlowName name_of(const Source& source, bool renew) noexcept;
  // As if a message had come from there.
  Source source_of(const Address& remote, uint16_t listener) noexcept;

 private:
  uint32_t birth_today() const noexcept;
  bool make_room(const Address& remote, bool registers) noexcept;

  Ground& ground_;
  Shares shares_;
  UdpAges ages_;
  FlowTimers& timers_;
  FlowEnds& ends_;
};

}  // namespace sluice
