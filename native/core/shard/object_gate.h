// The object path's way out and back in: it names flows by their id (flow_id.h) and sends what TypeScript has written. Output leaves in
// Shard::execute() or Shard::settle().
#pragma once

#include "core/flow/reservations.h"
#include "core/relay/flow_id.h"
#include "core/relay/object_branch.h"
#include "core/shard/connections.h"
#include "core/shard/udp_flows.h"

namespace sluice {

class ObjectGate {
 public:
  ObjectGate(Ground& ground, Turn& turn, Outbox& outbox, Crossing& crossing, Tap& tap, Connections& connections, UdpFlows& udp_flows, FlowTimers& timers,
             UpstreamHealth& upstreams, Responder& responder, ObjectEvents& events) noexcept
      : ground_(ground),
        shares_(ground),
        reservations_(ground.commons.shares),
        turn_(turn),
        outbox_(outbox),
        crossing_(crossing),
        tap_(tap),
        connections_(connections),
        udp_flows_(udp_flows),
        timers_(timers),
        upstreams_(upstreams),
        responder_(responder),
        events_(events) {}

  // For messages of the batch. Each writes text and returns its length.
  size_t flow_id_of(unsigned item, char* out) const noexcept;
  // Where the response to a request goes: its flow, or the port that its Via names (RFC 3581 4).
  Source answer_way_of(unsigned item) const noexcept;
  size_t answer_flow_of(unsigned item, char* out) const noexcept;
  uint32_t loop_hash_of(unsigned item) const noexcept { return turn_.item(item).facts.loop_hash; }
  size_t new_branch(uint32_t loop, KeptBy by, char* out) noexcept;
  // 0: no such flow, or no key.
  size_t flow_token(Text id, Side side, char* out) noexcept;
  // What our core-side Record-Route URI with this token says about a neighbour: the one a request came from, or the one it goes to.
  size_t neighbour_mark(Text token, const Neighbour& neighbour, char* out) const noexcept;
  Neighbour neighbour_of_item(const Item& item) noexcept;
  Neighbour neighbour_of_item(unsigned item) noexcept { return neighbour_of_item(turn_.item(item)); }
  // Where a request came from, perhaps in an earlier turn, by flow_id_of(). False: that flow is gone, or another shard's.
  bool read_source(Text id, bool from_core, Source& out) noexcept;
  // Turns that into answer_way_of(), by answer_flow_of().
  bool read_answer_way(Text id, Source& way) const noexcept;
  bool flow_lives(Text id) noexcept;
  bool flow_lives(const FlowId& flow) noexcept;
  // The name in a token of this flow. False: no such flow.
  bool flow_name(Text id, FlowName& out) noexcept;
  FlowName flow_name(const FlowId& flow) noexcept;
  const FlowName& route_flow(unsigned item, unsigned index) const noexcept { return turn_.item(item).facts.routes[index].flow; }
  const UpstreamSet& upstreams() const noexcept { return upstreams_.targets(); }
  // The live upstreams in the order to try them for a call (RFC 3263 4.3); returns how many.
  size_t choose_upstreams(Text call_id, std::array<int, UpstreamSet::kCapacity>& out) const noexcept { return upstreams_.order(call_id, out); }

  // Sends a request. False: the flow is gone. If that turns out later, there is an ObjectEvent.
  bool send_to_flow(Text id, Text octets) noexcept;
  bool send_to_flow(const FlowId& flow, Text octets) noexcept;
  // Sends a response to a request that came over the flow.
  // `own`: we made the response; nobody sent it to us.
  void answer_flow(Text id, Text octets, bool final, bool own = false) noexcept;
  // A response as it goes back.
  struct Response {
    Text octets;
    int status = 0;
    Method method = Method::unknown;  // of the request; unknown: the outcome is not counted
    bool final = false;
    bool own = false;
  };
  void answer(const ReturnPath& back, const Response& response) noexcept;
  // That source has repeated something that we sent only to it.
  void heard_us(const Address& source) noexcept { ground_.commons.answers.heard_us(source); }
  // The longest response allowed over the flow now.
  size_t answer_room(Text id) noexcept;
  bool takes_stream(const Address& address) noexcept { return connections_.takes_stream(address); }
  // A connection to a phone's Contact, dialled unless it exists. Writes the id of its flow; 0: impossible.
  size_t dial_phone(Transport transport, const Address& to, Text host, char* id) noexcept;
  bool is_neighbour(Transport transport, const Address& address) const noexcept;
  // Sends a request to a neighbour, which over TLS must prove that it is `host` (RFC 5922 4). Writes the id of the flow it leaves by;
  // 0: it cannot be sent.
  size_t send_to_address(Transport transport, const Address& to, Text host, Text octets, char* id) noexcept;
  // The same; `way`: the flow, if it returns true.
  bool send_to_address(Transport transport, const Address& to, Text host, Text octets, Source& way) noexcept;
  // From now on the end of this flow is an ObjectEvent. `supervise_seconds`: its Flow-Timer, 0: none.
  void bind_flow(Text id, uint32_t supervise_seconds) noexcept;
  // Remembers who registered over that flow (flow_owners.h).
  void own_flow(Text id, Text owner) noexcept;
  // `instance`: of a binding that is a flow.
  void own_flow(Text id, Text aor, Text instance, Text key) noexcept;

  // Room for a request that TypeScript will hold; 0: none. `exempt`: a neighbour, which speaks for many.
  uint32_t reserve(const Address& source, uint32_t requests, uint32_t octets, Room room, bool exempt) noexcept;
  void release(uint32_t place) noexcept;
  // That source has used up its share of bindings.
  void refused_binding(const Address& source) noexcept {
    ground_.counters.add(Counter::bindings_refused);
    shares_.refused(Grant::source_full, Holding::binding, source);
  }

  // The verdict on item i: TypeScript has taken it.
  void take(unsigned i) noexcept;
  // A request of this shard that was admitted by numbers comes again in the next turn, for the object path. False: the ring is full.
  bool take_again(const Source& source, Text octets) noexcept;
  // A final response to this request will follow.
  void await_answer(const Item& item) noexcept;
  // A request from another shard's object path for one of our flows.
  void take_request(const RingHead& head, Text octets) noexcept;

  // For the successor of this process, whose branches must not repeat ours.
  void freeze(ImageWriter& image) const noexcept { image.fields(branches_made_); }
  void adopt(ImageReader& image) noexcept { image.fields(branches_made_); }

 private:
  bool send_over(FlowHandle to, Text octets) noexcept;
  bool send_datagram(uint16_t listener, const Address& to, Text octets) noexcept;

  Ground& ground_;
  Shares shares_;
  Reservations reservations_;
  Turn& turn_;
  Outbox& outbox_;
  Crossing& crossing_;
  Tap& tap_;
  Connections& connections_;
  UdpFlows& udp_flows_;
  FlowTimers& timers_;
  UpstreamHealth& upstreams_;
  Responder& responder_;
  ObjectEvents& events_;
  uint64_t branches_made_ = 0;
};

}  // namespace sluice
