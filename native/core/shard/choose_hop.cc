// Chooses where a request goes and what names us on the way: the flow or upstream, the listener, our URIs (RFC 3261 16.6 steps 4-7).
#include "core/shard/relay.h"

namespace sluice {
// The flow that the verdict names; nullptr: none.
const FlowName* Relay::verdict_flow(unsigned i) const noexcept {
  const int32_t index = turn_.verdict(i)[kVerdict_target];
  if (index < 0 || static_cast<size_t>(index) >= k_max_own_routes) return nullptr;
  const OwnRoute& route = turn_.item(i).facts.routes[index];
  return route.kind == RouteKind::alive ? &route.flow : nullptr;
}

// The upstream that the verdict names or else one of the live ones, or the node that the token names; -1: none is alive.
int Relay::choose_target(const Item& item, const int32_t* verdict) const noexcept {
  const UpstreamSet& targets = upstreams_.targets();
  const int target = verdict[kVerdict_target];
  if (static_cast<Action>(verdict[kVerdict_action]) == Action::relay_to_node) {
    if (target < 0 || static_cast<size_t>(target) >= k_max_own_routes) return -1;
    const int node = targets.find_node(item.facts.routes[target].flow.node);
    return node >= 0 && targets.at(node).alive ? node : -1;
  }
  return target >= 0 && target < targets.size() && targets.at(target).alive ? target : upstreams_.pick(item.message.text(item.message.call_id));
}

bool Relay::choose_flow(unsigned i, NextLeg& out) noexcept {
  const Item& item = turn_.item(i);
  const FlowName* const named = verdict_flow(i);
  if (named == nullptr) return false;
  const FlowName& flow = *named;
  const EdgeConfig& config = ground_.config;
  out.client_flow = flow;
  out.next.core = false;
  out.next.kind = flow.kind;
  if (flow.kind == FlowKind::stream) {
    Flow* known = ground_.flows.find_stream(flow.slot, flow.generation);
    if (known == nullptr) return false;
    out.slot = flow.slot;
    out.listener = known->listener;
    out.transport = config.listeners[known->listener].transport;
    out.next.slot = flow.slot;
    out.next.generation = flow.generation;
  } else {
    const int listener = find_listener(config, Transport::udp, flow.local);
    if (listener < 0) return false;
    out.listener = static_cast<uint16_t>(listener);
    out.to = flow.remote;
    out.slot = ground_.flows.find_udp(flow.remote, out.listener);
    out.next.remote = flow.remote;
    out.next.listener = out.listener;
  }
  out.client_listener = out.listener;
  // The core side of this hop is where the request came from or, if it came from a client, the listener that faces the core.
  out.core_listener = item.source.from_core ? item.source.listener : core_listener(config, config.listeners[out.listener].transport, config.listeners[out.listener].bound.is_v4());
  return true;
}

bool Relay::choose_hop(unsigned i, NextLeg& out) noexcept {
  const Item& item = turn_.item(i);
  const int32_t* verdict = turn_.verdict(i);
  const Action action = static_cast<Action>(verdict[kVerdict_action]);
  if (action == Action::relay_to_flow) return choose_flow(i, out);
  Address to;
  Text name;
  char ip[kMaxIpText];
  if (action == Action::relay_upstream || action == Action::relay_to_node) {
    const UpstreamSet& targets = upstreams_.targets();
    int target = choose_target(item, verdict);
    if (target < 0) return false;
    target = item.facts.is_sips ? targets.for_sips(target) : targets.for_size(target, item.message.size + kGrowth);
    to = targets.at(target).address;
    out.transport = targets.at(target).transport;
    name = targets.name(target);
    if (out.transport == Transport::udp && is_too_large_for_udp(item.message.size + kGrowth) && connections_.takes_stream(to)) out.transport = Transport::tcp;
    out.target = target;
  } else {
    to = item.facts.hop;
    out.transport = item.facts.hop_transport;
    name = Text(ip, format_ip(to, ip));
  }
  out.to = to;
  out.listener = core_listener(ground_.config, out.transport, to.is_v4());
  out.core_listener = out.listener;
  out.client_listener = item.source.listener;
  out.client_flow = udp_flows_.name_of(item.source, true);
  if (is_stream(out.transport)) {
    out.slot = connections_.to_core(to, out.transport, name);
    if (out.slot == 0) return false;
  }
  return true;
}

}  // namespace sluice
