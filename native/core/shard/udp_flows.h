// The UDP flows about which we must remember something, and the names of all others (RFC 5626 5.2).
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

  // Remembers the flow from now on and returns its slot; 0: no room. `birth` is the one in its token, 0: it has none yet. `registers`: it
  // becomes the flow of a registration.
  uint32_t remember(const Address& remote, uint16_t listener, uint32_t birth, bool registers) noexcept;
  void died(uint32_t slot, Counter why) noexcept;
  void forget(uint32_t slot) noexcept;
  // What a token of the flow a message arrived on contains. `renew`: a dead flow is reborn.
  FlowName name_of(const Source& source, bool renew) noexcept;
  // The source of a message that arrives from there.
  Source source_of(const Address& remote, uint16_t listener) noexcept;

  // For the successor of this process: a flow that the table has adopted, and after all of them their ages.
  void came(uint32_t slot) noexcept;
  // One that has outlived the process before, whose ages nobody knows.
  void revived(uint32_t slot) noexcept;
  void adopt_ages(ImageReader& image) noexcept { ages_.adopt(image, ground_.flows); }
  void freeze_ages(ImageWriter& image) const noexcept { ages_.freeze(image, ground_.flows); }

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
