// What the operator asks of a shard and does to its flows. Nothing here runs because of a message.
#pragma once

#include <string>
#include <vector>

#include "core/shard/connections.h"
#include "core/shard/udp_flows.h"

namespace sluice {

// What to look for among the flows; what is not set matches every one.
struct FlowFilter {
  std::string text;         // part of an AOR or of an instance, in lower case
  bool by_address = false;
  Address address;          // port 0 is any
  uint32_t slot = 0;
  uint32_t generation = 0;  // with slot; 0 is any
};

// One flow as the operator sees it; the pointers live until the shard goes on.
struct FlowFacts {
  uint32_t slot = 0;
  const Flow* flow = nullptr;
  const Registration* notes = nullptr;
  uint32_t idle_ms = 0;
  int64_t age_ms = -1;        // -1: not known
  uint64_t octets_in = 0;     // of a connection, by the kernel's own count
  uint64_t octets_out = 0;
  uint32_t round_trip_us = 0;
  uint32_t resent = 0;        // segments that TCP sent again
  size_t unsent = 0;          // octets that wait for the peer to read
};

// The flows of clients counted by how old they are and how long they have been silent; a step ends where kSurveySteps says.
constexpr uint32_t kSurveySteps[] = {30, 60, 300, 3600, 6 * 3600, 86'400};  // seconds; one more class holds the rest
constexpr size_t kSurveyClasses = std::size(kSurveySteps) + 1;
struct FlowSurvey {
  uint32_t ages[kSurveyClasses] = {};    // of connections
  uint32_t silence[kSurveyClasses] = {};
  uint32_t outbound = 0;
  uint32_t supervised = 0;
};

// What a flow token says, and whether its flow lives.
struct TokenFacts {
  TokenVerdict verdict = TokenVerdict::none;
  FlowName flow;
  Side side = Side::client;
  bool of_this_boot = true;
  bool alive = false;       // only the flow's own shard knows
};

class Inspect {
 public:
  Inspect(Ground& ground, Connections& connections, UdpFlows& udp_flows, UpstreamHealth& upstreams, FlowNotes& notes, BanSet& bans) noexcept
      : ground_(ground), connections_(connections), udp_flows_(udp_flows), upstreams_(upstreams), notes_(notes), bans_(bans) {}

  // Looks at up to `steps` slots from `cursor` on, adds what matches up to `most` in all, and moves the cursor; 0: all were looked at.
  void flows(uint32_t& cursor, uint32_t steps, size_t most, const FlowFilter& filter, std::vector<FlowFacts>& out) noexcept;
  FlowSurvey survey() noexcept;
  TokenFacts token(Text user) noexcept;
  const FlowNotes& notes() const noexcept { return notes_; }
  const UpstreamHealth& upstreams() const noexcept { return upstreams_; }
  uint32_t ms_since(uint32_t tick) const noexcept { return ground_.clock.ms_since(tick); }
  // A REGISTER that the object path granted.
  void note_register(Text flow_id, Text request) noexcept;

  // What follows closes flows: Shard::settle() sends what there is to say about that.
  void set_bans(const std::vector<BannedNet>& banned) noexcept;
  bool close_flow(FlowHandle flow) noexcept;
  // Closes up to `most` connections of clients, those that wait for an answer last; returns how many are left.
  uint32_t move_out(uint32_t most, bool busy_ones) noexcept;

 private:
  FlowFacts facts_of(uint32_t slot, const Flow& flow, const Registration* notes) const noexcept;
  void end(uint32_t slot, Counter why) noexcept;

  Ground& ground_;
  Connections& connections_;
  UdpFlows& udp_flows_;
  UpstreamHealth& upstreams_;
  FlowNotes& notes_;
  BanSet& bans_;
};

}  // namespace sluice
