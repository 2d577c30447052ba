// What the operator can ask a shard and do to its flows. No message ever triggers anything here.
#pragma once

#include <string>
#include <vector>

#include "core/shard/connections.h"
#include "core/shard/udp_flows.h"

namespace sluice {

// Which flows to look for; a member that is not set matches all.
struct FlowFilter {
  std::string text;         // part of an AOR or instance, in lower case
  bool text_in_address = false;  // or of the client's address
  bool by_address = false;
  Address address;          // port 0: any
  uint32_t slot = 0;
  uint32_t generation = 0;  // with slot; 0: any
  uint32_t least_idle_ms = 0;
  uint32_t idle_below_ms = UINT32_MAX;
  bool by_age = false;      // only connections, whose age is known, between these
  uint32_t least_age_ms = 0;
  uint32_t age_below_ms = UINT32_MAX;
  uint32_t least_recent = 0;  // messages since begin_sample()
  bool clients_only = false;
  uint32_t counted_below_ms = 0;  // a match that has been silent for less is counted, not returned
};

// One flow as the operator sees it; the pointers are valid until the shard continues.
struct FlowFacts {
  uint32_t slot = 0;
  const Flow* flow = nullptr;
  const Registration* notes = nullptr;
  uint32_t idle_ms = 0;
  int64_t age_ms = -1;        // -1: unknown
  uint64_t octets_in = 0;     // of a connection, as counted by the kernel
  uint64_t octets_out = 0;
  uint32_t round_trip_us = 0;
  uint32_t resent = 0;        // segments retransmitted by TCP
  size_t unsent = 0;          // octets waiting for the peer to read
  uint32_t recent = 0;        // messages since begin_sample()
};

// The client flows, counted by age and by how long they have been silent, in the steps of kSurveySteps.
constexpr uint32_t kSurveySteps[] = {30, 60, 300, 3600, 6 * 3600, 86'400};  // seconds; one more class covers the rest
constexpr size_t kSurveyClasses = std::size(kSurveySteps) + 1;
struct FlowSurvey {
  uint32_t ages[kSurveyClasses] = {};    // of connections
  uint32_t silence[kSurveyClasses] = {};
  uint32_t outbound = 0;
  uint32_t supervised = 0;
};

// What a flow token says, and whether its flow is alive.
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

  // Examines up to `steps` slots from `cursor` on, adds matches to `out` up to a total of `most`, and advances the cursor; 0: finished. How
  // many matched, with those that are only counted.
  uint32_t flows(uint32_t& cursor, uint32_t steps, size_t most, const FlowFilter& filter, std::vector<FlowFacts>& out) noexcept;
  FlowSurvey survey() noexcept;
  // Remembers how many messages each flow has received, until end_sample().
  void begin_sample();
  void end_sample() noexcept { sample_ = {}; }
  TokenFacts token(Text user) noexcept;
  const FlowNotes& notes() const noexcept { return notes_; }
  const UpstreamHealth& upstreams() const noexcept { return upstreams_; }
  const RefusalTally& refusals() const noexcept { return ground_.refusals; }
  uint32_t ms_since(uint32_t tick) const noexcept { return ground_.clock.ms_since(tick); }
  // Notes a REGISTER that was accepted here for so many seconds.
  void note_register(Text flow_id, Text request, uint32_t seconds) noexcept;
  void note_register(Text flow_id, const Message& request, uint32_t seconds) noexcept;

  // The functions below close flows; Shard::settle() sends the resulting messages.
  void set_bans(const std::vector<BannedNet>& banned) noexcept;
  bool close_flow(FlowHandle flow) noexcept;
  // Closes up to `most` client connections, those waiting for a response last; returns how many are left.
  uint32_t move_out(uint32_t most, bool busy_ones) noexcept;

 private:
  FlowFacts facts_of(uint32_t slot, const Flow& flow, const Registration* notes) const noexcept;
  bool is_as_old(const FlowFilter& filter, const Flow& flow) const noexcept;
  void end(uint32_t slot, Counter why) noexcept;

  Ground& ground_;
  Connections& connections_;
  UdpFlows& udp_flows_;
  uint32_t recent_of(uint32_t slot, const Flow& flow) const noexcept;

  // By slot.
  struct Sampled {
    uint32_t generation = 0;
    uint32_t messages = 0;
  };

  UpstreamHealth& upstreams_;
  FlowNotes& notes_;
  BanSet& bans_;
  std::vector<Sampled> sample_;
};

}  // namespace sluice
