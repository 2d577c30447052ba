// Where a request goes and how it is named on the way: the flow or upstream, the listener, our URIs (RFC 3261 16.6 steps 4-7).
#include "core/relay/neighbour.h"
#include "core/shard/next_leg.h"

namespace sluice {
namespace {

constexpr size_t kGrowth = 300;  // of a request on its way through us: Via, Path or Record-Route

}  // namespace

FlowName Shard::name_of_source(const Source& source, bool renew) noexcept {
  FlowName name;
  name.kind = source.kind;
  name.shard = source.shard;
  if (source.kind == FlowKind::stream) {
    name.boot = config_.boot;
    name.slot = source.slot;
    name.generation = source.generation;
    return name;
  }
  name.remote = source.remote;
  name.local = config_.listeners[source.listener].bound;
  // One name a day for a flow that nothing is remembered of: the same after a restart, and its age bounds the token's life.
  constexpr uint32_t kDay = 86'400 / 16;
  const uint32_t today = birth_now() / kDay * kDay;
  name.birth = today;
  if (source.slot != 0 && source.shard == config_.shard) {
    Flow& flow = flows_.at(source.slot);
    if (renew && (flow.flags & kFlow_dead)) {
      // A flow that died is born again, and tokens of its earlier life stay dead (RFC 5626 4.5).
      flow.flags = 0;
      flow.supervise = 0;
      flow.birth = birth_now() > flow.died ? birth_now() : flow.died + 1;
    } else if (((today - flow.birth) & 0xFFFFFF) * 32 > config_.udp_token_seconds && today > flow.birth) {
      flow.birth = today;
    }
    name.birth = flow.birth;
  }
  return name;
}

uint16_t Shard::core_listener(Transport transport, bool v4) const noexcept {
  int best = -1, rank = -1;
  for (size_t i = 0; i < config_.listeners.size(); ++i) {
    const Listener& listener = config_.listeners[i];
    if (listener.facing == Facing::client) continue;
    // The core does not speak WebSocket, so the name of such a listener is the last one to show it.
    const int here = (is_websocket(listener.transport) ? 0 : 4) + (listener.transport == transport ? 2 : 0) + (listener.bound.is_v4() == v4 ? 1 : 0);
    if (here > rank) {
      rank = here;
      best = static_cast<int>(i);
    }
  }
  return static_cast<uint16_t>(best < 0 ? 0 : best);
}

bool Shard::choose_hop(unsigned i, NextLeg& out) noexcept {
  const Item& item = items_[i];
  const int32_t* verdict = &verdicts_[i * k_verdict_fields];
  const Action action = static_cast<Action>(verdict[kVerdict_action]);
  if (action == Action::relay_to_flow) {
    const FlowName& flow = item.facts.routes[verdict[kVerdict_target] & 7].flow;
    out.client_flow = flow;
    out.next.core = false;
    out.next.kind = flow.kind;
    if (flow.kind == FlowKind::stream) {
      Flow* known = flows_.find_stream(flow.slot, flow.generation);
      if (known == nullptr) return false;
      out.slot = flow.slot;
      out.listener = known->listener;
      out.transport = config_.listeners[known->listener].transport;
      out.next.slot = flow.slot;
      out.next.generation = flow.generation;
    } else {
      const int listener = find_listener(config_, Transport::udp, flow.local);
      if (listener < 0) return false;
      out.listener = static_cast<uint16_t>(listener);
      out.to = flow.remote;
      out.slot = flows_.find_udp(flow.remote, out.listener);
      out.next.remote = flow.remote;
      out.next.listener = out.listener;
    }
    out.client_listener = out.listener;
    // The core's side of this hop is where the request came from, or the listener that faces the core when it came from a client.
    out.core_listener = item.source.from_core ? item.source.listener : core_listener(config_.listeners[out.listener].transport, config_.listeners[out.listener].bound.is_v4());
    return true;
  }
  Address to;
  Text name;
  char ip[kMaxIpText];
  if (action == Action::relay_upstream) {
    int target = verdict[kVerdict_target];
    if (target < 0 || !upstreams_.at(target).alive) {
      const Text call_id = item.message.text(item.message.call_id);
      target = upstreams_.pick(siphash(config_.branch_key, call_id.data(), call_id.size()));
    }
    if (target < 0) return false;
    target = upstreams_.for_size(target, item.message.size + kGrowth);
    to = upstreams_.at(target).address;
    out.transport = upstreams_.at(target).transport;
    name = upstreams_.name(target);
    upstream_asked(target);
  } else {
    to = item.facts.hop;
    out.transport = item.facts.hop_transport;
    name = Text(ip, format_ip(to, ip));
  }
  out.to = to;
  out.listener = core_listener(out.transport, to.is_v4());
  out.core_listener = out.listener;
  out.client_listener = item.source.listener;
  out.client_flow = name_of_source(item.source, true);
  if (is_stream(out.transport)) {
    out.slot = core_connection(to, out.transport, name);
    if (out.slot == 0) return false;
  }
  return true;
}

// RFC 5658: the URI of the side that reads it first comes first, so each side's Route starts with its own listener.
void Shard::put_record_route(Writer& out, const NextLeg& leg, Side first, const Neighbour* neighbour) noexcept {
  for (const Side side : {first, first == Side::client ? Side::core : Side::client}) {
    const bool client = side == Side::client;
    put_uri(out, "Record-Route: ", leg.client_flow, side, client ? leg.client_listener : leg.core_listener, Text(), client ? nullptr : neighbour);
  }
}

void Shard::put_uri(Writer& out, Text header, const FlowName& flow, Side side, uint16_t listener, Text params, const Neighbour* neighbour) noexcept {
  char token_text[kMaxTokenText];
  const Text token(token_text, make_token(keys_, flow, side, token_text));
  const Listener& on = config_.listeners[listener];
  out.put(header);
  out.put("<sip:");
  out.put(token);
  out.put('@');
  out.put(on.sent_by);
  out.put(transport_param(on.transport));
  out.put(";lr");
  out.put(params);
  if (neighbour != nullptr) {
    char text[kMaxNeighbourText];
    out.put(";nb=");
    out.put(Text(text, write_neighbour(config_.branch_key, token, *neighbour, text)));
  }
  out.put(">\r\n");
}

}  // namespace sluice
