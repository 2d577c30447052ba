#include "core/relay/facts.h"

#include "core/flow/birth.h"
#include "core/relay/flow_macs.h"
#include "core/relay/loop.h"
#include "core/relay/neighbour.h"
#include "core/relay/uri_place.h"
#include "core/sip/lexer.h"
#include "core/sip/name_addr.h"
#include "core/sip/route_set.h"

namespace sluice {
namespace {

// Whether a client that uses the token of another flow owns that flow too: 0 if it does, else kRoute_stranger, or kRoute_unknown if nobody
// can tell. It may have reconnected or have a second flow (RFC 5626 5.3), from the same source or, if registered, from anywhere.
uint32_t claim_of(const Surroundings& around, const Source& source, const FlowName& flow) noexcept {
  Origin origin = Origin::forgotten;
  if (flow.node != around.config.node) return kRoute_unknown;
  if (flow.kind == FlowKind::udp) origin = SourceKey(flow.remote) == SourceKey(source.remote) ? Origin::same : Origin::other;
  else if (flow.boot == around.config.boot) origin = around.commons.origins.compare(flow, source.remote);
  if (origin == Origin::same || around.commons.owners.have_one_user(flow, name_of_flow(around.config, source))) return 0;
  return origin == Origin::other ? kRoute_stranger : kRoute_unknown;
}

// Judges a token's flow by what we know of it; sets kRoute_source in `whose` if the message arrived on it.
RouteKind judge(const Surroundings& around, const Source& source, const FlowName& flow, uint32_t* whose) noexcept {
  if (flow.node != around.config.node) {
    // One hop at most: what a node has sent here goes to no third one.
    const int node = source.from_core && around.upstreams.is_node(source.remote, source.transport) ? -1 : around.upstreams.find_node(flow.node);
    return node >= 0 && around.upstreams.at(node).alive ? RouteKind::elsewhere : RouteKind::gone;
  }
  if (flow.kind == FlowKind::udp) {
    const int listener = find_listener(around.config, Transport::udp, flow.local);
    if (listener < 0) return RouteKind::gone;  // DET-19
    if (source.kind == FlowKind::udp && source.remote == flow.remote && source.listener == listener) *whose = kRoute_source;
    if (is_later(around.birth_now, flow.birth) && birth_age(flow.birth, around.birth_now) > around.config.udp_token_seconds) return RouteKind::gone;
    if (flow.shard != around.config.shard && flow.shard < around.config.shards) return RouteKind::alive;
    const uint32_t slot = around.flows.find_udp(flow.remote, static_cast<uint16_t>(listener));
    if (slot == 0) return RouteKind::alive;
    const Flow& known = around.flows.at(slot);
    if (known.flags & kFlow_dead) return RouteKind::gone;
    // Born before the last death of this address: it belonged to someone else or to an earlier life.
    if ((known.marks & kMark_died) && !is_later(flow.birth, known.died)) return RouteKind::gone;
    return RouteKind::alive;
  }
  if (flow.boot != around.config.boot || flow.shard >= around.config.shards) return RouteKind::gone;
  const bool is_source = source.kind == FlowKind::stream && source.shard == flow.shard && source.slot == flow.slot && source.generation == flow.generation;
  if (is_source) *whose = kRoute_source;
  if (flow.shard != around.config.shard) return RouteKind::alive;
  return around.flows.find_stream(flow.slot, flow.generation) != nullptr ? RouteKind::alive : RouteKind::gone;
}

// Classifies one of our URIs. False: it is not ours.
bool own_route(const Surroundings& around, const Source& source, const Uri& uri, OwnRoute& route, int32_t* number) noexcept {
  if (!is_sip(uri) || uri.port_zero) return false;
  // DET-15: a token does not make a host ours; if several edges share keys, it may be a neighbour's.
  if (!is_own_host(around.config, uri.host, port_of(uri))) return false;
  Side side = Side::client;
  TokenVerdict verdict = TokenVerdict::none;
  if (uri.has_user) verdict = read_token(around.keys, uri.user, route.flow, side, [&around](const FlowName& flow) { return macs_of(around.config, around.flows, flow); });
  uint32_t whose = 0;
  switch (verdict) {
    case TokenVerdict::none: route.kind = RouteKind::plain; break;
    case TokenVerdict::ok: route.kind = judge(around, source, route.flow, &whose); break;
    case TokenVerdict::forged: route.kind = RouteKind::forged; break;
    case TokenVerdict::unknown_key: route.kind = RouteKind::unknown_key; break;
  }
  uint32_t flags = whose;
  if (side == Side::core) flags |= kRoute_core_side;
  if (uri.known_params & kUri_ob) flags |= kRoute_ob;
  *number = static_cast<int32_t>(static_cast<uint32_t>(route.kind) | flags);
  return true;
}

// What the first token in a client's Route set says about the sender; later ones say nothing.
uint32_t claim_of(const Surroundings& around, const Source& source, const OwnRoute& route, int32_t number) noexcept {
  return !has_flow(route) || source.from_core || (number & static_cast<int32_t>(kRoute_source)) ? 0 : claim_of(around, source, route.flow);
}

bool is_same_flow(const OwnRoute& first, const OwnRoute& second) noexcept {
  if (!has_flow(first) || !has_flow(second)) return false;
  const FlowName& a = first.flow;
  const FlowName& b = second.flow;
  return a.kind == b.kind && a.node == b.node && a.shard == b.shard && a.boot == b.boot && a.slot == b.slot && a.generation == b.generation && a.birth == b.birth &&
         a.remote == b.remote && a.local == b.local;
}

// RFC 5658: both URIs of one hop name the same flow, from either side.
bool is_pair(const OwnRoute& first, int32_t first_number, const OwnRoute& second, int32_t second_number) noexcept {
  if (((first_number ^ second_number) & static_cast<int32_t>(kRoute_core_side)) == 0 || (first_number & static_cast<int32_t>(kRoute_pair))) return false;
  return is_same_flow(first, second);
}

// Where a URI that is not one of our Route values leads.
Hop hop_of(const Surroundings& around, const Uri& uri, Facts& facts, int32_t* target) noexcept {
  *target = -1;
  if (!is_sip(uri) || uri.port_zero) return Hop::foreign;
  Text host = uri.host;
  Text maddr;
  const bool has_maddr = (uri.known_params & kUri_maddr) && find_uri_param(uri.params, "maddr", &maddr);
  uint16_t port = port_of(uri);
  Address address;
  bool is_ip = false;
  if (is_own_host(around.config, host, port, address, is_ip)) {
    if (!has_maddr || is_own_host(around.config, maddr, port)) return Hop::own;
    host = maddr;
    is_ip = parse_ip(host, address);
  } else if (has_maddr) {
    host = maddr;  // RFC 3261 16.5: maddr is the only target
    if (is_own_host(around.config, host, port, address, is_ip)) return Hop::own;
  }
  if (!is_ip) {
    *target = around.upstreams.find_name(host, uri.port);
    return *target >= 0 ? Hop::upstream : Hop::foreign;
  }
  address.port = port;
  const Transport transport = transport_of(uri);
  *target = around.upstreams.find_any(address, transport);
  if (*target >= 0) return Hop::upstream;
  if (!is_trusted(around.config, address) || address.is_unusable_peer()) return Hop::foreign;
  facts.hop = address;
  facts.hop_transport = transport;
  return Hop::trusted;
}

// The neighbour that our own Record-Route URI names.
void read_neighbour_of(const Surroundings& around, const Uri& uri, Facts& facts) noexcept {
  Text value;
  if (find_uri_param(uri.params, kNeighbourParam, &value)) facts.has_neighbour = read_neighbour(around.config.branch_keys.neighbour, uri.user, value, facts.neighbour);
}

// A client's request in a dialog with a neighbour goes to that neighbour, unless the Route after ours or, without one, the Request-URI
// names someone else's address. We resolve no names for a client, so a name also means the neighbour.
void lead_to_neighbour(const Surroundings& around, const Uri& request_uri, Facts& facts, int32_t* record) noexcept {
  const Neighbour& neighbour = facts.neighbour;
  if (record[kRecord_next_route] != static_cast<int32_t>(Hop::none)) {
    Uri uri;
    Address named;
    if (!parse_uri(facts.next_route_uri, uri)) return;
    const bool is_literal = parse_ip(uri.host, named);
    named.port = port_of(uri);
    if (is_literal && named != neighbour.address) return;
  } else if (!request_uri.port_zero && is_own_host(around.config, request_uri.host, port_of(request_uri))) {
    return;
  }
  const int target = around.upstreams.find(neighbour.address, neighbour.transport);
  if (target < 0 && !is_trusted(around.config, neighbour.address)) return;
  facts.hop = neighbour.address;
  facts.hop_transport = neighbour.transport;
  record[kRecord_next_route] = static_cast<int32_t>(target < 0 ? Hop::trusted : Hop::upstream);
  record[kRecord_next_route_target] = target;
  record[kRecord_headers] |= static_cast<int32_t>(kHeader_neighbour);
}

// Takes the values of Route one after the other, from the first one on.
class RouteWalk {
 public:
  RouteWalk(const Surroundings& around, const Source& source, Facts& facts, int32_t* record) noexcept
      : around_(around), source_(source), facts_(facts), record_(record) {}

  // False: what follows does not matter.
  bool take(Text text, const Uri& uri) noexcept {
    OwnRoute route;
    int32_t number = 0;
    if (!own_route(around_, source_, uri, route, &number)) {
      facts_.next_route_uri = text;
      facts_.next_is_strict = (uri.known_params & kUri_lr) == 0;
      facts_.is_sips = uri.scheme == Scheme::sips;
      return stop(hop_of(around_, uri, facts_, &record_[kRecord_next_route_target]));
    }
    // More of our own values than we have room for: the rest stays unread, and the request is refused as foreign.
    if (own == static_cast<int32_t>(k_max_own_routes)) return stop(Hop::own);
    if (own > 0 && is_pair(facts_.routes[own - 1], record_[kRecord_route_0 + own - 1], route, number)) number |= static_cast<int32_t>(kRoute_pair);
    else if (own > 0 && is_same_flow(facts_.routes[0], route)) number |= static_cast<int32_t>(kRoute_again);
    if (first_token_ < 0 && route.kind != RouteKind::plain) {
      first_token_ = own;
      number |= static_cast<int32_t>(claim_of(around_, source_, route, number));
    }
    // Only the first pair, the sender's own, may name a neighbour.
    if (!source_.from_core && own <= first_token_ + 1 && (number & static_cast<int32_t>(kRoute_core_side))) read_neighbour_of(around_, uri, facts_);
    facts_.routes[own] = route;
    record_[kRecord_route_0 + own] = number;
    ++own;
    return true;
  }
  bool stop(Hop at) noexcept {
    record_[kRecord_next_route] = static_cast<int32_t>(at);
    return false;
  }

  int32_t own = 0;

 private:
  const Surroundings& around_;
  const Source& source_;
  Facts& facts_;
  int32_t* record_;
  int32_t first_token_ = -1;
};

void take_routes(const Message& message, RouteWalk& walk) noexcept {
  if (message.route_count <= kKeptRoutes) {
    for (size_t i = 0; i < message.route_count; ++i)
      if (!walk.take(message.routes[i].text, message.routes[i].parts)) return;
    return;
  }
  for (const HeaderLine* line = message.line(HeaderId::route); line != nullptr; line = message.next(*line)) {
    ValueList values(message.value(*line));
    for (Text value; values.next(value);) {
      NameAddr address;
      Uri uri;
      if (!parse_name_addr(value, address) || !parse_uri(address.uri_text, uri)) return void(walk.stop(Hop::foreign));
      if (!walk.take(address.uri_text, uri)) return;
    }
  }
}

void walk_routes(const Surroundings& around, const Message& message, const Source& source, Facts& facts, int32_t* record) noexcept {
  record[kRecord_next_route] = static_cast<int32_t>(Hop::none);
  record[kRecord_next_route_target] = -1;
  RouteWalk walk(around, source, facts, record);
  take_routes(message, walk);
  record[kRecord_own_routes] = walk.own;
}

uint32_t option_flags(const Message& message) noexcept {
  for (const HeaderLine* line = message.line(HeaderId::proxy_require); line != nullptr; line = message.next(*line))
    if (line->value_len > 0) return message.options | kOption_proxy_require;
  return message.options;
}

uint32_t header_flags(const Message& message) noexcept {
  uint32_t flags = 0;
  if (message.line(HeaderId::path) != nullptr) flags |= kHeader_path;
  if (message.line(HeaderId::service_route) != nullptr) flags |= kHeader_service_route;
  if (message.line(HeaderId::p_asserted_identity) != nullptr) flags |= kHeader_asserted_identity;
  if (message.line(HeaderId::flow_timer) != nullptr) flags |= kHeader_flow_timer;
  return flags;
}

// RFC 5031 4.2: urn:service:sos and urn:service:sos.fire alike.
bool is_emergency(const Message& message) noexcept {
  constexpr size_t kSos = sizeof "urn:service:sos" - 1;
  const Text uri = message.text(message.request_uri);
  return same_word(uri.substr(0, kSos), "urn:service:sos") && (uri.size() == kSos || uri[kSos] == '.');
}

int32_t flow_timer_of(const Message& message) noexcept {
  const HeaderLine* line = message.line(HeaderId::flow_timer);
  if (line == nullptr || line->value_len == 0 || line->value_len > 9) return -1;
  int32_t seconds = 0;
  for (char c : message.value(*line)) {
    if (!is_digit(c)) return -1;
    seconds = seconds * 10 + (c - '0');
  }
  return seconds;
}

}  // namespace

RouteKind judge_flow(const Surroundings& around, const FlowName& flow) noexcept {
  uint32_t whose = 0;
  return judge(around, Source{}, flow, &whose);
}

bool leads_to_node(const EdgeConfig& config, const KeyRing& keys, const Message& message) noexcept {
  const HeaderLine* line = message.line(HeaderId::route);
  if (line == nullptr) return false;
  Text list = message.value(*line);
  NameAddr address;
  Uri uri;
  FlowName flow;
  Side side = Side::client;
  return take_name_addr(list, address) && parse_uri(address.uri_text, uri) && is_sip(uri) && is_own_host(config, uri.host, port_of(uri)) &&
         read_token(keys, uri.user, flow, side) == TokenVerdict::ok && flow.node != config.node;
}

void read_request_facts(const Surroundings& around, const Message& message, const Source& source, Facts& facts, int32_t* record) noexcept {
  std::memset(record, 0, k_record_fields * sizeof *record);
  record[kRecord_error] = static_cast<int32_t>(message.error);
  record[kRecord_method] = static_cast<int32_t>(message.method);
  record[kRecord_from_core] = source.from_core;
  record[kRecord_is_stream] = source.kind == FlowKind::stream;
  record[kRecord_we_dialled] = (source.flow_flags & kFlow_dialled) != 0;
  record[kRecord_via_count] = message.via_count;
  record[kRecord_route_count] = message.route_count;
  record[kRecord_has_to_tag] = message.has_tag_to;
  record[kRecord_max_forwards] = message.max_forwards;
  record[kRecord_flow_flags] = source.flow_flags;
  record[kRecord_next_route_target] = -1;
  record[kRecord_uri_target] = -1;
  record[kRecord_flow_timer] = -1;
  const bool has_via = message.read_top_via(facts.top_via);
  record[kRecord_answerable] = has_via && message.method != Method::ack;
  if (message.error != ScanError::none) return;

  uint32_t headers = header_flags(message);
  if (facts.top_via.has_keep && !facts.top_via.keep_has_value) headers |= kHeader_keep;
  walk_routes(around, message, source, facts, record);
  Uri uri;
  if (!message.request_uri.empty()) {
    uri = message.uri;
    if (uri.scheme == Scheme::urn && is_emergency(message)) headers |= kHeader_emergency;
    OwnRoute strict;
    int32_t number = 0;
    // RFC 3261 16.4: an upstream strict router has put our Record-Route URI here. Only our own token proves that, and no shorter user part is one.
    if (message.route_count > 0 && uri.user.size() >= kTokenLookalike && own_route(around, source, uri, strict, &number) && strict.kind != RouteKind::plain &&
        record[kRecord_own_routes] < static_cast<int32_t>(k_max_own_routes)) {
      headers |= kHeader_strict_uri;
      for (int32_t i = record[kRecord_own_routes]++; i > 0; --i) {
        facts.routes[i] = facts.routes[i - 1];
        record[kRecord_route_0 + i] = record[kRecord_route_0 + i - 1];
      }
      facts.routes[0] = strict;
      record[kRecord_route_0] = number | static_cast<int32_t>(claim_of(around, source, strict, number));
      const Text last = nth_value(message, HeaderId::route, message.route_count - 1u);
      NameAddr address;
      if (!parse_name_addr(last, address) || !parse_uri(address.uri_text, uri)) uri = Uri{};
      // The last Route value is now the Request-URI, so it is no longer a hop.
      if (message.route_count == record[kRecord_own_routes]) record[kRecord_next_route] = static_cast<int32_t>(Hop::none);
    }
    if (uri.scheme == Scheme::sips) facts.is_sips = true;
    record[kRecord_uri_has_user] = uri.has_user;
    record[kRecord_uri_hop] = static_cast<int32_t>(
        record[kRecord_next_route] == static_cast<int32_t>(Hop::none) || uri.port_zero || is_own_host(around.config, uri.host, port_of(uri))
            ? hop_of(around, uri, facts, &record[kRecord_uri_target])
            : Hop::foreign);
  }
  record[kRecord_contact] = message.contact_flags;
  record[kRecord_contact_count] = static_cast<int32_t>(message.contact_count);
  record[kRecord_options] = static_cast<int32_t>(option_flags(message));
  record[kRecord_headers] = static_cast<int32_t>(headers);
  if (facts.has_neighbour) lead_to_neighbour(around, uri, facts, record);
  facts.hash = request_hash(around.config, message);
  facts.loop_hash = loop_hash_of(facts.hash, message);
  record[kRecord_looped] = message.via_count > 1 && is_loop(around.config, message, facts.loop_hash);
}

void read_response_facts(const Message& message, const Source& source, const Facts& facts, int32_t* record) noexcept {
  std::memset(record, 0, k_record_fields * sizeof *record);
  record[kRecord_is_response] = 1;
  record[kRecord_error] = static_cast<int32_t>(message.error);
  record[kRecord_method] = static_cast<int32_t>(message.method);
  record[kRecord_status] = message.status;
  record[kRecord_from_core] = source.from_core;
  record[kRecord_via_count] = message.via_count;
  record[kRecord_to_client] = !facts.back.from_core;
  record[kRecord_flow_timer] = flow_timer_of(message);
  record[kRecord_headers] = static_cast<int32_t>(header_flags(message) | (facts.back.asks_keep ? uint32_t{kHeader_keep} : 0));
  record[kRecord_flow_flags] = facts.back.marks_outbound ? static_cast<int32_t>(kFlow_outbound) : 0;
  if (message.method == Method::register_) record[kRecord_options] = static_cast<int32_t>(option_flags(message));
}

}  // namespace sluice
