#include "core/shard/object_gate.h"

#include "core/relay/neighbour.h"
#include "core/relay/own_output.h"

namespace sluice {

size_t ObjectGate::flow_id_of(unsigned item, char* out) const noexcept { return format_flow_id(ground_.config, turn_.item(item).source, out); }

Source ObjectGate::answer_way_of(unsigned item) const noexcept {
  const int32_t* record = turn_.record(item);
  const bool outbound = turn_.item(item).message.method == Method::register_ && (record[kRecord_contact] & static_cast<int32_t>(kContact_reg_id));
  const bool keep = record[kRecord_headers] & static_cast<int32_t>(kHeader_keep);
  Source way = turn_.item(item).source;
  if (way.kind == FlowKind::udp) way.remote = answer_address(ground_.config, turn_.item(item), outbound || keep ? uint32_t{kEdit_mark_outbound} : 0u);
  return way;
}

size_t ObjectGate::answer_flow_of(unsigned item, char* out) const noexcept { return format_flow_id(ground_.config, answer_way_of(item), out); }

size_t ObjectGate::new_branch(uint32_t loop, KeptBy by, char* out) noexcept { return make_object_branch(ground_.config, by, ++branches_made_, loop, out); }

size_t ObjectGate::flow_token(Text id, Side side, char* out) noexcept {
  FlowName name;
  return flow_name(id, name) ? make_token(ground_.keys, name, side, out) : 0;
}

bool ObjectGate::flow_name(Text id, FlowName& out) noexcept {
  FlowId flow;
  if (!parse_flow_id(ground_.config, id, flow)) return false;
  out = flow_name(flow);
  return true;
}

FlowName ObjectGate::flow_name(const FlowId& flow) noexcept {
  return flow.name.kind == FlowKind::stream ? flow.name : udp_flows_.name_of(udp_flows_.source_of(flow.name.remote, flow.listener), true);
}

size_t ObjectGate::neighbour_mark(Text token, const Neighbour& neighbour, char* out) const noexcept {
  return write_neighbour(ground_.config.branch_keys.neighbour, token, neighbour, out);
}

Neighbour ObjectGate::neighbour_of_item(const Item& item) noexcept {
  const Surroundings around{ground_.config, ground_.keys, upstreams_.targets(), ground_.flows, ground_.commons, ground_.clock.birth()};
  return neighbour_of(around, item.message, item.source);
}

bool ObjectGate::read_source(Text id, bool from_core, Source& out) noexcept {
  FlowId flow;
  if (!parse_flow_id(ground_.config, id, flow)) return false;
  if (flow.name.kind == FlowKind::udp) {
    out = udp_flows_.source_of(flow.name.remote, flow.listener);
    out.from_core = from_core;
    return true;
  }
  const Flow* const open = flow.name.shard == ground_.config.shard ? ground_.flows.find_stream(flow.name.slot, flow.name.generation) : nullptr;
  if (open == nullptr) return false;
  out = source_of_flow(ground_.config, flow.name.slot, *open);
  return true;
}

bool ObjectGate::read_answer_way(Text id, Source& way) const noexcept {
  FlowId flow;
  if (!parse_flow_id(ground_.config, id, flow) || flow.name.kind != way.kind) return false;
  if (way.kind == FlowKind::udp) way.remote = flow.name.remote;
  return true;
}

bool ObjectGate::flow_lives(Text id) noexcept {
  FlowId flow;
  return parse_flow_id(ground_.config, id, flow) && flow_lives(flow);
}

bool ObjectGate::flow_lives(const FlowId& flow) noexcept {
  if (flow.name.kind == FlowKind::udp) {
    const uint32_t slot = ground_.flows.find_udp(flow.name.remote, flow.listener);
    return slot == 0 || (ground_.flows.at(slot).flags & kFlow_dead) == 0;
  }
  // Only its own shard can judge it; if the flow is gone there, a failure comes back.
  return flow.name.shard != ground_.config.shard || ground_.flows.find_stream(flow.name.slot, flow.name.generation) != nullptr;
}

bool ObjectGate::send_to_flow(Text id, Text octets) noexcept {
  FlowId flow;
  return parse_flow_id(ground_.config, id, flow) && send_to_flow(flow, octets);
}

bool ObjectGate::send_to_flow(const FlowId& flow, Text octets) noexcept {
  if (!flow_lives(flow)) return false;
  const FlowName& name = flow.name;
  if (name.kind == FlowKind::udp) return send_datagram(flow.listener, name.remote, octets);
  if (name.shard == ground_.config.shard) return send_over({name.slot, name.generation}, octets);
  RingHead head{};
  head.kind = RingHead::object_request;
  head.slot = name.slot;
  head.generation = name.generation;
  return crossing_.push(name.shard, head, octets);
}

bool ObjectGate::send_datagram(uint16_t listener, const Address& to, Text octets) noexcept {
  const Text copy = outbox_.copied(octets);
  if (copy.size() != octets.size()) return false;
  ground_.counters.add(Counter::requests_relayed);
  if (tap_.on()) tap_.sent(to, listener, copy);
  outbox_.datagram(listener, to, copy);
  return true;
}

bool ObjectGate::send_over(FlowHandle to, Text octets) noexcept {
  Flow* flow = ground_.flows.find_stream(to.slot, to.generation);
  if (flow == nullptr || !outbox_.streams().accepts(to.slot, octets.size())) return false;
  const Text copy = outbox_.copied(octets);
  if (copy.size() != octets.size()) return false;
  flow->marks |= kMark_bound;
  ground_.counters.add(Counter::requests_relayed);
  if (tap_.on()) tap_.sent(flow->remote, flow->listener, copy);
  outbox_.streams().add(to.slot, copy, Text());
  return true;
}

void ObjectGate::answer_flow(Text id, Text octets, bool final, bool own) noexcept {
  FlowId flow;
  if (!parse_flow_id(ground_.config, id, flow)) return ground_.counters.add(Counter::send_dropped);
  ground_.counters.add(Counter::replies);
  Response response;
  response.octets = octets;
  constexpr size_t kVersion = 8;  // "SIP/2.0 "
  if (octets.size() > kVersion + 3) response.status = (octets[kVersion] - '0') * 100 + (octets[kVersion + 1] - '0') * 10 + octets[kVersion + 2] - '0';
  if (final && scan_own_output(octets, *ground_.spare)) response.method = ground_.spare->method;
  response.final = final;
  response.own = own;
  answer(return_path_of(ground_.config, source_of(flow)), response);
}

void ObjectGate::answer(const ReturnPath& back, const Response& response) noexcept {
  const Flow* known = back.kind == BackKind::stream && back.shard == ground_.config.shard ? ground_.flows.find_stream(back.slot, back.generation) : nullptr;
  const Address& to = known != nullptr ? known->remote : back.remote;
  responder_.count(response.status, response.method);
  if (response.own) ground_.news.response(Event::call_refused, response.method, response.status, to, response.octets);
  const uint32_t tapped = tap_.on() && scan_own_output(response.octets, *ground_.spare) ? tap_.match(*ground_.spare) : 0;
  const Text copy = outbox_.copied(response.octets);
  if (copy.empty()) return ground_.counters.add(Counter::send_dropped);
  responder_.send_back(back, copy, Text(), response.final, tapped);
}

size_t ObjectGate::send_to_address(Transport transport, const Address& to, Text host, Text octets, char* id) noexcept {
  Source way;
  return send_to_address(transport, to, host, octets, way) ? format_flow_id(ground_.config, way, id) : 0;
}

bool ObjectGate::send_to_address(Transport transport, const Address& to, Text host, Text octets, Source& way) noexcept {
  if (to.is_unusable_peer()) return false;
  const int upstream = upstreams_.targets().find(to, transport);
  if (upstream >= 0) upstreams_.asked(upstream);
  if (transport != Transport::udp) {
    const uint32_t slot = connections_.to_core(to, transport, host);
    if (slot == 0 && upstream >= 0) upstreams_.failed(upstream);
    if (slot == 0 || !send_over(ground_.flows.handle(slot), octets)) return false;
    way = source_of_flow(ground_.config, slot, ground_.flows.at(slot));
    return true;
  }
  const uint16_t listener = core_listener(ground_.config, transport, to.is_v4());
  if (!outbox_.sends_from(listener)) return false;
  way = udp_flows_.source_of(to, listener);
  // Try a neighbour again even if it was unreachable a moment ago: it is an address, not anyone's flow.
  if (way.slot != 0) ground_.flows.at(way.slot).flags &= static_cast<uint8_t>(~kFlow_dead);
  return send_datagram(listener, to, octets);
}

size_t ObjectGate::answer_room(Text id) noexcept {
  FlowId flow;
  return parse_flow_id(ground_.config, id, flow) && flow.name.kind == FlowKind::udp ? ground_.commons.answers.room(flow.name.remote) : SIZE_MAX;
}

size_t ObjectGate::dial_phone(Transport transport, const Address& to, Text host, char* id) noexcept {
  if (to.is_unusable_peer()) return 0;
  const uint32_t slot = connections_.to_phone(to, transport, host);
  return slot == 0 ? 0 : format_flow_id(ground_.config, source_of_flow(ground_.config, slot, ground_.flows.at(slot)), id);
}

bool ObjectGate::is_neighbour(Transport transport, const Address& address) const noexcept {
  return is_trusted(ground_.config, address) || upstreams_.targets().find(address, transport) >= 0;
}

void ObjectGate::bind_flow(Text id, uint32_t supervise_seconds) noexcept {
  FlowId flow;
  if (!parse_flow_id(ground_.config, id, flow) || flow.name.shard != ground_.config.shard) return;
  uint32_t slot = flow.name.slot;
  if (flow.name.kind == FlowKind::udp) {
    slot = udp_flows_.remember(flow.name.remote, flow.listener, 0, true);
    if (slot == 0) return;
    udp_flows_.name_of(udp_flows_.source_of(flow.name.remote, flow.listener), true);
  } else if (ground_.flows.find_stream(slot, flow.name.generation) == nullptr) {
    return events_.flow_ended(id);
  }
  ground_.flows.at(slot).marks |= kMark_bound;
  ground_.flows.at(slot).flags |= kFlow_outbound | kFlow_registered;
  timers_.supervise(slot, supervise_seconds == 0 ? 0 : supervise_seconds + ground_.config.flow_grace);
}

void ObjectGate::own_flow(Text id, Text owner) noexcept {
  FlowName name;
  if (!flow_name(id, name)) return;
  const Flow* const flow = name.kind == FlowKind::stream && name.shard == ground_.config.shard ? ground_.flows.find_stream(name.slot, name.generation) : nullptr;
  ground_.commons.owners.put(name, owner, name.kind == FlowKind::udp ? &name.remote : flow != nullptr ? &flow->remote : nullptr);
}

void ObjectGate::own_flow(Text id, Text aor, Text instance, Text key) noexcept {
  std::string owner(aor);
  owner.append("\n").append(instance).append("\n").append(key);
  own_flow(id, owner);
}

uint32_t ObjectGate::reserve(const Address& source, uint32_t requests, uint32_t octets, Room room, bool exempt) noexcept {
  uint32_t place = 0;
  const Grant grant = reservations_.take(source, requests, octets, room, exempt, ground_.config.limits.reservations, place);
  if (grant == Grant::given) {
    ground_.counters.add(Counter::requests_held, requests);
    ground_.counters.add(Counter::request_octets_held, octets);
    return place;
  }
  ground_.counters.add(Counter::requests_refused);
  shares_.refused(grant, Holding::transaction, source);
  return 0;
}

void ObjectGate::release(uint32_t place) noexcept {
  const uint64_t octets = reservations_.octets_of(place);
  if (octets == 0) return;
  ground_.counters.add(Counter::requests_held, -static_cast<int64_t>(reservations_.requests_of(place)));
  reservations_.give(place);
  ground_.counters.add(Counter::request_octets_held, -static_cast<int64_t>(octets));
}

void ObjectGate::take(unsigned i) noexcept {
  const Item& item = turn_.item(i);
  const Message& message = item.message;
  ground_.counters.add(Counter::object_messages);
  if (!message.is_request) ground_.news.response(Event::call_failed, message.method, message.status, item.source.remote, Text(message.data, message.head_size));
  if (message.is_request && message.method == Method::register_ && !item.source.from_core) ground_.counters.add(Counter::registers_in);
  if (!item.admitted) await_answer(item);
}

bool ObjectGate::take_again(const Source& source, Text octets) noexcept { return crossing_.push_message(ground_.config.shard, source, octets, true); }

// The sender waits for our response, so its connection outlives its FIN (TR-24).
void ObjectGate::await_answer(const Item& item) noexcept {
  const Message& message = item.message;
  if (!message.is_request || message.method == Method::ack || item.source.kind != FlowKind::stream || item.source.shard != ground_.config.shard) return;
  Flow* flow = ground_.flows.find_stream(item.source.slot, item.source.generation);
  if (flow != nullptr) expect_answer(*flow, ground_.clock.tick(), ground_.clock.tick() + answer_wait(ground_.config, message.method));
}

void ObjectGate::take_request(const RingHead& head, Text octets) noexcept {
  if (send_over({head.slot, head.generation}, octets)) return;
  // It was meant for this flow only: the sender tries another one, not we.
  if (scan_own_output(octets, *ground_.spare)) responder_.answer_sent(*ground_.spare, 503);
}

}  // namespace sluice
