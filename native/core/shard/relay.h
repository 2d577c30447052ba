// Relaying: where a request goes, how it is edited, what we remember of it (RFC 3261 16.6, RFC 5626 5), and its responses (RFC 3261 16.7).
#pragma once

#include "core/relay/admission.h"
#include "core/relay/answer_times.h"
#include "core/shard/intake.h"
#include "core/shard/connections.h"
#include "core/shard/turn_clock.h"
#include "core/shard/udp_flows.h"

namespace sluice {

class Relay {
 public:
  Relay(Ground& ground, Turn& turn, Intake& intake, Outbox& outbox, Tap& tap, UpstreamHealth& upstreams, Connections& connections, UdpFlows& udp_flows,
        FlowTimers& timers, FlowNotes& notes, Remembered& remembered, Responder& responder, Admission& admission, const TurnClock& turn_clock) noexcept
      : ground_(ground),
        turn_(turn),
        intake_(intake),
        outbox_(outbox),
        tap_(tap),
        upstreams_(upstreams),
        connections_(connections),
        udp_flows_(udp_flows),
        timers_(timers),
        notes_(notes),
        remembered_(remembered),
        responder_(responder),
        admission_(admission),
        turn_clock_(turn_clock),
        answer_times_(ground.counters, Clock::ticks(AnswerTimes::kGiveUpMs)) {}

  // Has the caches fetch what carrying out the verdict on item i will look at, in steps that build on each other. With many flows, that is in
  // no cache, so call each step some items ahead.
  static constexpr unsigned kFetchSteps = 3;
  void fetch(unsigned i, unsigned step) noexcept;
  // Carry out the verdict on item i of the batch. All steps of fetch() come before.
  void request(unsigned i) noexcept;
  void response(unsigned i) noexcept;
  // admit.cc
  void tick() noexcept;
  bool is_at_rest() const noexcept { return admission_.is_at_rest(); }
  // Call before the upstreams change.
  void rearrange(const UpstreamSet& next) noexcept;

 private:
  // Where a request goes next, decided once for its Via, its Record-Route and its sending.
  struct NextLeg {
    NextHop next;
    Transport transport = Transport::udp;
    int target = -1;              // upstream or node, -1: none
    uint16_t listener = 0;        // whose name our Via shows
    uint32_t slot = 0;            // stream: connection; UDP to a client: remembered flow
    Address to;                   // UDP
    FlowName client_flow;         // the client's end: source of an outgoing request, target of an incoming one
    uint16_t client_listener = 0;
    uint16_t core_listener = 0;
    bool sips = false;            // our URIs are SIPS URIs
  };

  // choose_hop.cc
  const FlowName* verdict_flow(unsigned i) const noexcept;
  int choose_target(const Item& item, const int32_t* verdict) const noexcept;
  bool choose_hop(unsigned i, NextLeg& leg) noexcept;
  bool choose_flow(unsigned i, NextLeg& leg) noexcept;
  // relay_request.cc
  ReturnPath way_back(const Item& item, uint32_t edits) const noexcept;
  bool write_request(unsigned i, const NextLeg& leg, Text branch, Writer& head) noexcept;
  void put_routes(Writer& text, const Item& item, const int32_t* record, const NextLeg& leg, bool to_flow, uint32_t edits) noexcept;
  void put_record_route(Writer& out, const NextLeg& leg, Side first, const Neighbour* neighbour) noexcept;
  void put_bare_record_route(Writer& out, const NextLeg& leg) noexcept;
  void put_uri(Writer& out, Text header, const NextLeg& leg, Side side, const FlowName* flow, Text params, const Neighbour* neighbour) noexcept;
  [[gnu::cold]] void refuse_sips(const Item& item) noexcept;
  uint8_t roles_of(const Item& item, bool to_flow, bool to_stream) const noexcept;
  void remember(const Item& item, uint64_t key, uint8_t roles, NextLeg& leg, Text head, Text body) noexcept;
  void expect(const Item& item) noexcept;
  // admit.cc
  bool admit(const Item& item, uint64_t transaction, int target, bool urgent) noexcept;
  static uint32_t phone_of(const EdgeConfig& config, const Message& message) noexcept;
  const Address* client_of(const Item& response) const noexcept;
  void note_register_answer(unsigned i) noexcept;
  void let_waiting_go() noexcept;
  // relay_response.cc
  struct Ahead {
    uint32_t hash;   // FlowTable::hash_of() where the response goes by UDP
    uint32_t slot;   // of the flow, or of another one with its hash; 0: none
    uint32_t phone;  // of a REGISTER's response to a client
  };
  uint32_t note_flow(unsigned i, uint32_t edits, uint32_t flow_timer) noexcept;  // its slot, 0: none
  uint32_t slot_of(const ReturnPath& back) noexcept;
  void note_granted(uint64_t key, uint32_t slot, const Message& response) noexcept;

  Ground& ground_;
  Turn& turn_;
  Intake& intake_;
  Outbox& outbox_;
  Tap& tap_;
  UpstreamHealth& upstreams_;
  Connections& connections_;
  UdpFlows& udp_flows_;
  FlowTimers& timers_;
  FlowNotes& notes_;
  Remembered& remembered_;
  Responder& responder_;
  Admission& admission_;
  const TurnClock& turn_clock_;
  AnswerTimes answer_times_;
  std::array<Ahead, k_batch_size> ahead_;
};

}  // namespace sluice
