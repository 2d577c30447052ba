#include "shard_config.h"

#include <algorithm>
#include <cstring>

namespace sluice {
namespace {

uint32_t number(const Napi::Object& from, const char* name) { return from.Get(name).ToNumber().Uint32Value(); }

Address read_address(const Napi::Object& from) {
  Address address;
  parse_ip(from.Get("address").ToString().Utf8Value(), address);
  address.port = static_cast<uint16_t>(number(from, "port"));
  return address;
}

Transport transport_of(const Napi::Object& from) { return read_transport(from.Get("transport")); }

SipKey read_sip_key(const Napi::Value& from) {
  SipKey key;
  const auto octets = from.As<Napi::Uint8Array>();
  if (octets.ElementLength() >= 16) {
    std::memcpy(&key.k0, octets.Data(), 8);
    std::memcpy(&key.k1, octets.Data() + 8, 8);
  }
  return key;
}

Napi::Object item(const Napi::Array& from, uint32_t i) { return Napi::Value(from[i]).As<Napi::Object>(); }

}  // namespace

Transport read_transport(const Napi::Value& from) {
  const std::string name = from.ToString();
  for (Transport one : {Transport::tcp, Transport::tls, Transport::ws, Transport::wss})
    if (same_text(name, transport_text(one))) return one;
  return Transport::udp;
}

std::vector<ListenerSockets::Place> read_places(const Napi::Array& listeners) {
  std::vector<ListenerSockets::Place> places;
  for (uint32_t i = 0; i < listeners.Length(); ++i) {
    const Napi::Object one = item(listeners, i);
    places.push_back({transport_of(one), read_address(one), one.Get("apart").ToBoolean()});
  }
  return places;
}

const char* transport_name(Transport transport) {
  static constexpr const char* kNames[] = {"udp", "tcp", "tls", "ws", "wss"};
  return kNames[static_cast<size_t>(transport)];
}

std::vector<std::string> read_texts(const Napi::Array& from) {
  std::vector<std::string> texts;
  for (uint32_t i = 0; i < from.Length(); ++i) texts.push_back(Napi::Value(from[i]).ToString());
  return texts;
}

EdgeConfig read_edge_config(const Napi::Object& from) {
  EdgeConfig config;
  config.node = static_cast<uint8_t>(number(from, "node"));
  config.shard = static_cast<uint8_t>(number(from, "shard"));
  config.shards = static_cast<uint8_t>(number(from, "shards"));
  config.boot = static_cast<uint16_t>(number(from, "boot"));
  config.table_key = read_sip_key(from.Get("tableKey"));
  config.branch_keys = BranchKeys(read_sip_key(from.Get("branchKey")), config.node);
  const auto listeners = from.Get("listeners").As<Napi::Array>();
  for (uint32_t i = 0; i < listeners.Length(); ++i) {
    const Napi::Object one = item(listeners, i);
    Listener listener;
    listener.transport = transport_of(one);
    listener.ends_tls = one.Get("endsTls").ToBoolean();
    listener.bound = read_address(one);
    listener.sent_by = one.Get("sentBy").ToString();
    const std::string facing = one.Get("facing").ToString();
    listener.facing = facing == "client" ? Facing::client : facing == "core" ? Facing::core : Facing::both;
    const std::string proxy = one.Get("proxy").ToString();
    listener.proxy = proxy == "require" ? ProxyRule::require : proxy == "accept" ? ProxyRule::accept : ProxyRule::never;
    config.listeners.push_back(listener);
  }
  const auto aliases = from.Get("aliases").As<Napi::Array>();
  for (uint32_t i = 0; i < aliases.Length(); ++i) config.aliases.push_back(read_address(item(aliases, i)));
  config.realms = read_texts(from.Get("realms").As<Napi::Array>());
  config.names = read_texts(from.Get("names").As<Napi::Array>());
  config.trusted = read_trusted(from.Get("trusted").As<Napi::Array>());
  config.limits = read_limits(from.Get("limits").As<Napi::Object>());
  config.home = from.Get("home").ToBoolean();
  config.proxies = read_trusted(from.Get("proxies").As<Napi::Array>());
  config.upgrades.origins = read_texts(from.Get("wsOrigins").As<Napi::Array>());
  config.upgrades.paths = read_texts(from.Get("wsPaths").As<Napi::Array>());
  config.ws_ping_seconds = number(from, "wsPingSeconds");
  config.force_rport = from.Get("forceRport").ToBoolean();
  config.t1_ms = number(from, "t1Ms");
  config.branch_seconds = number(from, "branchSeconds");
  config.flow_timer = number(from, "flowTimer");
  config.flow_grace = number(from, "flowGrace");
  config.probe_seconds = number(from, "probeSeconds");
  config.udp_token_seconds = number(from, "udpTokenSeconds");
  config.notes = from.Get("notes").ToBoolean();
  return config;
}

FlowLimits read_limits(const Napi::Object& from) {
  FlowLimits limits;
  limits.scan.max_body = number(from, "maxMessage");
  limits.max_flows = number(from, "maxFlows");
  limits.max_flows_per_source = number(from, "maxFlowsPerSource");
  limits.max_pending = number(from, "maxPending");
  limits.reservations.requests = number(from, "maxRequests");
  limits.reservations.requests_per_source = number(from, "maxRequestsPerSource");
  limits.reservations.octets = static_cast<uint64_t>(from.Get("maxRequestOctets").ToNumber().DoubleValue());
  limits.reservations.octets_per_source = static_cast<uint64_t>(from.Get("maxRequestOctetsPerSource").ToNumber().DoubleValue());
  limits.max_queue = number(from, "queueMax");
  limits.handshake_seconds = number(from, "handshakeSeconds");
  limits.first_message_seconds = number(from, "firstMessageSeconds");
  limits.message_seconds = number(from, "messageSeconds");
  limits.idle_seconds = number(from, "idleSeconds");
  return limits;
}

std::vector<BannedNet> read_bans(const Napi::Array& from) {
  std::vector<BannedNet> bans;
  for (const TrustedNet& net : read_trusted(from)) bans.push_back({net.base, net.prefix});
  return bans;
}

std::vector<TapFilter> read_tap(const Napi::Array& from) {
  std::vector<TapFilter> filters;
  for (uint32_t i = 0; i < from.Length() && filters.size() < WireTap::kMaxFilters; ++i) {
    const Napi::Object one = item(from, i);
    const std::string kind = one.Get("kind").ToString();
    TapFilter filter;
    filter.kind = kind == "aor" ? TapFilter::aor : kind == "call-id" ? TapFilter::call_id : kind == "address" ? TapFilter::address : kind == "outcome" ? TapFilter::outcome : TapFilter::all;
    if (filter.kind == TapFilter::address) filter.peer = read_address(one);
    if (filter.kind == TapFilter::aor || filter.kind == TapFilter::call_id) filter.text = one.Get("text").ToString();
    if (filter.kind == TapFilter::all) filter.sample = std::max<uint32_t>(number(one, "sample"), 1);
    filters.push_back(std::move(filter));
  }
  return filters;
}

FlowFilter read_flow_filter(const Napi::Object& from) {
  FlowFilter filter;
  if (from.Has("text")) filter.text = from.Get("text").ToString();
  if (from.Has("textInAddress")) filter.text_in_address = from.Get("textInAddress").ToBoolean();
  if (from.Has("address")) {
    filter.by_address = true;
    filter.address = read_address(from);
  }
  if (from.Has("slot")) filter.slot = number(from, "slot");
  if (from.Has("generation")) filter.generation = number(from, "generation");
  if (from.Has("leastIdleMs")) filter.least_idle_ms = number(from, "leastIdleMs");
  if (from.Has("idleBelowMs")) filter.idle_below_ms = number(from, "idleBelowMs");
  filter.by_age = from.Has("leastAgeMs") || from.Has("ageBelowMs");
  if (from.Has("leastAgeMs")) filter.least_age_ms = number(from, "leastAgeMs");
  if (from.Has("ageBelowMs")) filter.age_below_ms = number(from, "ageBelowMs");
  if (from.Has("leastRecent")) filter.least_recent = number(from, "leastRecent");
  if (from.Has("clientsOnly")) filter.clients_only = from.Get("clientsOnly").ToBoolean();
  if (from.Has("countedBelowMs")) filter.counted_below_ms = number(from, "countedBelowMs");
  return filter;
}

KeyRing read_keys(const Napi::Array& from, uint8_t node) {
  KeyRing ring(node);
  for (uint32_t i = 0; i < from.Length(); ++i) {
    const Napi::Object one = item(from, i);
    const auto key = one.Get("key").As<Napi::Uint8Array>();
    ring.add(static_cast<uint8_t>(number(one, "id")), key.Data(), key.ElementLength());
  }
  return ring;
}

std::vector<TrustedNet> read_trusted(const Napi::Array& from) {
  std::vector<TrustedNet> nets;
  for (uint32_t i = 0; i < from.Length(); ++i) {
    const Napi::Object one = item(from, i);
    TrustedNet net;
    net.base = read_address(one);
    net.prefix = static_cast<uint8_t>(number(one, "prefix"));
    nets.push_back(net);
  }
  return nets;
}

UpstreamSet read_upstreams(const Napi::Array& from) {
  UpstreamSet set;
  for (uint32_t i = 0; i < from.Length(); ++i) {
    const Napi::Object one = item(from, i);
    Upstream upstream;
    upstream.address = read_address(one);
    upstream.transport = transport_of(one);
    upstream.priority = static_cast<uint16_t>(number(one, "priority"));
    upstream.weight = static_cast<uint16_t>(number(one, "weight"));
    if (const Napi::Value node = one.Get("node"); node.IsNumber()) upstream.node = static_cast<int16_t>(node.ToNumber().Int32Value());
    set.add(upstream, one.Get("name").ToString().Utf8Value());
  }
  return set;
}

}  // namespace sluice
