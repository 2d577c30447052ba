// Relays a request: how it is edited, and what we remember of it (RFC 3261 16.6, RFC 5626 5).
#include "core/relay/answer.h"
#include "core/relay/flow_macs.h"
#include "core/relay/neighbour.h"
#include "core/relay/own_credentials.h"
#include "core/shard/relay.h"
#include "core/sip/route_set.h"

namespace sluice {
namespace {

constexpr size_t kHeadRoom = 4096;     // how much relaying may add to a head
constexpr int kMaxForwards = 70;
constexpr int kMaxBreadth = 60;        // RFC 5393 5.3.3.2
constexpr uint32_t kRetryAfterSeconds = 5;
constexpr uint32_t kKeepSeconds = 30;  // recommended interval without a Flow-Timer (RFC 6223 4.4)

bool is_small_number(Text text, int most) noexcept {
  if (text.empty() || text.size() > 3) return false;
  int value = 0;
  for (char c : text) {
    if (!is_digit(c)) return false;
    value = value * 10 + (c - '0');
  }
  return value <= most;
}

}  // namespace

ReturnPath Relay::way_back(const Item& item, uint32_t edits) const noexcept {
  ReturnPath back = return_path_of(ground_.config, item.source);
  if (back.kind != BackKind::stream) back.remote = answer_address(ground_.config, item, edits);
  back.marks_outbound = edits & kEdit_mark_outbound;
  back.asks_keep = edits & kEdit_keep;
  return back;
}

void Relay::request(unsigned i) noexcept {
  Item& item = turn_.item(i);
  const Message& message = item.message;
  const int32_t* verdict = turn_.verdict(i);
  const uint32_t edits = static_cast<uint32_t>(verdict[kVerdict_edits]);
  const Action action = static_cast<Action>(verdict[kVerdict_action]);
  const bool to_flow = action == Action::relay_to_flow;
  const FlowName* const flow = to_flow ? verdict_flow(i) : nullptr;
  if (flow != nullptr && flow->shard != ground_.config.shard && flow->shard < ground_.config.shards) [[unlikely]] {
    if (!item.crossed) intake_.hand_over(flow->shard, item);
    return;
  }
  NextLeg leg;
  leg.sips = item.facts.is_sips;
  if (leg.sips && !is_secure(item.source.transport)) return refuse_sips(item);
  if (!choose_hop(i, leg)) [[unlikely]] {
    // A node of the farm that is gone has taken its flows with it.
    if (to_flow || action == Action::relay_to_node) responder_.reply(item, 430);
    else responder_.reply(item, 503, Text(), kRetryAfterSeconds);
    return;
  }
  if (leg.sips && !is_secure(leg.transport)) return refuse_sips(item);
  const Via& via = item.facts.top_via;
  const uint64_t transaction = transaction_hash(item.facts.hash, via.branch, via.host);
  if (leg.target >= 0) {
    const bool registers = message.method == Method::register_ && action == Action::relay_upstream && !item.source.from_core;
    if (registers && !admit(item, transaction, leg.target, edits & kEdit_urgent)) return;
    upstreams_.asked(leg.target);
  }
  char branch_text[kMaxBranchText];
  const Text branch(branch_text, make_branch(ground_.config, way_back(item, edits), leg.next, transaction, item.facts.loop_hash, branch_text));

  const bool to_stream = is_stream(leg.transport);
  const uint64_t key = remembered_.key_of(branch, message.method);
  const uint8_t roles = roles_of(item, to_flow, to_stream);
  // Written before it is known whether it is a retransmission: meanwhile what tells is fetched from memory.
  if (roles != 0) remembered_.fetch(key);
  Writer head = outbox_.scratch();
  const bool is_written = write_request(i, leg, branch, head);
  if ((roles & kPending_replay) && remembered_.is_retransmission(key, branch)) return;
  if (!is_written) [[unlikely]] return responder_.reply(item, 500);
  Text body = message.body();
  const Text octets = outbox_.finished(head, body);
  if (to_stream && !outbox_.streams().accepts(leg.slot, octets.size() + body.size())) [[unlikely]] return responder_.reply(item, 503, Text(), kRetryAfterSeconds);

  if (message.method != Method::ack) remember(item, key, roles, leg, octets, body);
  if (!to_flow && message.method != Method::ack) answer_times_.asked(key, ground_.clock.tick());
  ground_.counters.add(Counter::requests_relayed);
  if (message.method == Method::register_ && !to_flow && !item.source.from_core) {
    ground_.counters.add(Counter::registers_in);
    if (ground_.config.notes) notes_.asked(key, message, item.source.slot);
  }
  if (tap_.on()) tap_.leaves(item, to_flow, to_stream ? ground_.flows.at(leg.slot).remote : leg.to, leg.listener, octets, body);
  if (to_stream) outbox_.streams().add(leg.slot, octets, body);
  else outbox_.datagram(leg.listener, leg.to, octets, body);
}

// RFC 5630 5.3: a request that demands TLS all the way goes no other way, not even between neighbours.
void Relay::refuse_sips(const Item& item) noexcept { responder_.reply(item, 480, Text(), 0, "Warning: 380 sluice \"SIPS Not Allowed\"\r\n"); }

uint8_t Relay::roles_of(const Item& item, bool to_flow, bool to_stream) const noexcept {
  if (item.message.method == Method::ack) return 0;
  const bool from_stream = item.source.kind == FlowKind::stream;
  uint8_t roles = to_flow ? kPending_watch : 0;
  if (from_stream && !to_stream) roles |= kPending_repeat;
  if (!from_stream && to_stream) roles |= kPending_replay;
  return roles;
}

// The sender waits for a response, so its connection outlives its FIN (TR-24).
void Relay::expect(const Item& item) noexcept {
  if (item.source.kind != FlowKind::stream || item.source.shard != ground_.config.shard) return;
  Flow* flow = ground_.flows.find_stream(item.source.slot, item.source.generation);
  if (flow != nullptr) expect_answer(*flow, ground_.clock.tick(), ground_.clock.tick() + answer_wait(ground_.config, item.message.method));
}

void Relay::remember(const Item& item, uint64_t key, uint8_t roles, NextLeg& leg, Text head, Text body) noexcept {
  const Method method = item.message.method;
  // One that was let go is expected since it began to wait.
  if (!item.crossed) expect(item);
  if (roles == 0) return;
  Remembered::Request request;
  request.key = key;
  request.roles = roles;
  request.method = method;
  request.listener = leg.listener;
  request.to = leg.to;
  if (!item.source.from_core) request.client = &item.source.remote;
  if (roles & kPending_watch) {
    if (leg.slot == 0) leg.slot = udp_flows_.remember(leg.to, leg.listener, leg.client_flow.birth, false);
    request.flow = leg.slot;
  }
  remembered_.add(request, head, body);
}

bool Relay::write_request(unsigned i, const NextLeg& leg, Text branch, Writer& head) noexcept {
  const Item& item = turn_.item(i);
  const EdgeConfig& config = ground_.config;
  const Message& message = item.message;
  const int32_t* verdict = turn_.verdict(i);
  const int32_t* record = turn_.record(i);
  const uint32_t flags = static_cast<uint32_t>(verdict[kVerdict_edits]);
  const size_t cut = static_cast<size_t>(verdict[kVerdict_cut_routes]);
  const bool to_flow = static_cast<Action>(verdict[kVerdict_action]) == Action::relay_to_flow;
  char buffer[kHeadRoom];
  Writer text(buffer, sizeof buffer);
  EditList edits;

  // RFC 3261 16.6 step 8: our Via on top.
  put_own_via(text, config.listeners[leg.listener], leg.transport, branch);
  if (ground_.keys.empty() && (flags & (kEdit_path | kEdit_record_route))) return false;  // OB-5.1-20
  put_routes(text, item, record, leg, to_flow, flags);
  const bool limit_forwards = message.line(HeaderId::max_forwards) == nullptr;
  if (limit_forwards) text.put("Max-Forwards: 70\r\n");
  const HeaderLine* breadth = message.line(HeaderId::max_breadth);
  if (breadth == nullptr) text.put("Max-Breadth: 60\r\n");
  if (message.content_length < 0 && is_stream(leg.transport)) {
    text.put("Content-Length: ");
    text.put_number(message.body().size());
    text.put("\r\n");
  }
  edits.insert(message.lines[0].line_at, text.text());

  if (!limit_forwards) {
    const HeaderLine* line = message.line(HeaderId::max_forwards);
    const int left = message.max_forwards < 0 || message.max_forwards > kMaxForwards + 1 ? kMaxForwards : message.max_forwards - 1;
    const size_t mark = text.size();
    text.put_number(static_cast<uint64_t>(left));
    edits.replace(line->value_at, size_t{line->value_at} + line->value_len, text.since(mark));
  }
  if (breadth != nullptr && !is_small_number(message.value(*breadth), kMaxBreadth))
    edits.replace(breadth->value_at, size_t{breadth->value_at} + breadth->value_len, "60");
  const uint32_t keep = flags & kEdit_keep ? (config.flow_timer != 0 ? config.flow_timer : kKeepSeconds) : 0;
  stamp_top_via(message, item.facts.top_via, item.source, keep, text, edits);
  if (flags & kEdit_strip_client) {
    for (HeaderId id : {HeaderId::service_route, HeaderId::p_asserted_identity, HeaderId::flow_timer}) cut_lines(message, id, edits);
  }
  if (flags & kEdit_strip_path) cut_lines(message, HeaderId::path, edits);
  if (!config.realms.empty()) cut_own_credentials(message, config.realms, edits);
  const bool strict_uri = static_cast<uint32_t>(record[kRecord_headers]) & kHeader_strict_uri;
  if (strict_uri) {
    // The Request-URI itself was our first own value.
    if (!undo_strict_route(message, cut > 0 ? cut - 1 : 0, edits)) return false;
  } else if (!to_flow && item.facts.next_is_strict && message.route_count > cut) {
    apply_strict_route(message, cut, item.facts.next_route_uri, text, edits);
  } else if (cut > 0 && cut == message.route_count) {
    cut_lines(message, HeaderId::route, edits);
  } else if (cut > 0) {
    cut_values(message, HeaderId::route, cut, edits);
  }
  return !text.full() && edits.apply(message.data, message.head_size, head);
}

// Our own URIs, so that others find the client's flow again.
void Relay::put_routes(Writer& text, const Item& item, const int32_t* record, const NextLeg& leg, bool to_flow, uint32_t edits) noexcept {
  if (edits & kEdit_path) {
    const Text ob = edits & kEdit_path_ob ? ";ob" : "";
    if (leg.client_listener != leg.core_listener) put_uri(text, "Path: ", leg, Side::core, &leg.client_flow, ob, nullptr);
    put_uri(text, "Path: ", leg, Side::client, &leg.client_flow, ob, nullptr);
    // We keep the flow whether or not the client knows Path, and claim support on its behalf for registrars that insist (RFC 3327 5.3).
    if ((static_cast<uint32_t>(record[kRecord_options]) & kOption_supported_path) == 0) text.put("Supported: path\r\n");
  }
  if (edits & kEdit_bare_record_route) return put_bare_record_route(text, leg);
  if ((edits & kEdit_record_route) == 0) return;
  Neighbour neighbour = item.facts.neighbour;
  // An edge sends everything to its upstream unless Record-Route names another neighbour, such as a trunk that calls the edge directly.
  // A node of the farm only passes on what the core has sent it.
  const UpstreamSet& targets = upstreams_.targets();
  const bool is_named = item.source.from_core && (ground_.config.home || !targets.has_host(item.source.remote)) && !targets.is_node(item.source.remote, item.source.transport);
  const bool has_neighbour = is_named || (!item.source.from_core && item.facts.has_neighbour);
  if (is_named) {
    const Surroundings around{ground_.config, ground_.keys, targets, ground_.flows, ground_.commons, ground_.clock.birth()};
    neighbour = neighbour_of(around, item.message, item.source);
  }
  put_record_route(text, leg, to_flow ? Side::client : Side::core, has_neighbour ? &neighbour : nullptr);
  // From client to client within a dialog: the sender's end also belongs in the route set (RFC 6665 4.1.2.4, 4.3).
  if (to_flow && !item.source.from_core) {
    NextLeg back = leg;
    back.client_flow = udp_flows_.name_of(item.source, true);
    back.client_listener = item.source.listener;
    put_record_route(text, back, Side::core, nullptr);
  }
}

// RFC 5658: the URI for the side that reads it first comes first, so each side's Route starts with its own listener.
void Relay::put_record_route(Writer& out, const NextLeg& leg, Side first, const Neighbour* neighbour) noexcept {
  for (const Side side : {first, first == Side::client ? Side::core : Side::client}) {
    put_uri(out, "Record-Route: ", leg, side, &leg.client_flow, Text(), side == Side::client ? nullptr : neighbour);
  }
}

// We stay in the dialog, but its Contact is a GRUU: the core knows which flow that means, even if the flow changes.
void Relay::put_bare_record_route(Writer& out, const NextLeg& leg) noexcept {
  put_uri(out, "Record-Route: ", leg, Side::core, nullptr, Text(), nullptr);
  if (leg.client_listener != leg.core_listener) put_uri(out, "Record-Route: ", leg, Side::client, nullptr, Text(), nullptr);
}

// `flow`: whose token the URI gets; nullptr: none.
void Relay::put_uri(Writer& out, Text header, const NextLeg& leg, Side side, const FlowName* flow, Text params, const Neighbour* neighbour) noexcept {
  const Listener& on = ground_.config.listeners[side == Side::client ? leg.client_listener : leg.core_listener];
  const Text end = leg.sips ? on.sips_route_end : on.route_end;
  out.put(header);
  out.put(leg.sips ? Text("<sips:") : Text("<sip:"));
  Text token;
  if (flow == nullptr) {
    out.put(end.substr(1));
  } else {
    if (char* const at = out.room(kMaxTokenText)) {
      token = Text(at, make_token(ground_.keys, *flow, side, at, macs_of(ground_.config, ground_.flows, *flow)));
      out.wrote(token.size());
    }
    out.put(end);
  }
  if (!params.empty()) out.put(params);
  if (neighbour != nullptr) {
    char text[kMaxNeighbourText];
    out.put(";nb=");
    out.put(Text(text, write_neighbour(ground_.config.branch_keys.neighbour, token, *neighbour, text)));
  }
  out.put(">\r\n");
}

}  // namespace sluice
