// Relaying a request: what is edited in it, what is remembered of it (RFC 3261 16.6, RFC 5626 5).
#include "core/relay/neighbour.h"
#include "core/shard/next_leg.h"
#include "core/sip/route_set.h"

namespace sluice {
namespace {

constexpr size_t kHeadRoom = 4096;     // what a relayed head may grow by
constexpr int kMaxForwards = 70;
constexpr uint16_t kSipPort = 5060;
constexpr int kMaxBreadth = 60;        // RFC 5393 5.3.3.2
constexpr uint32_t kRetryAfterSeconds = 5;
constexpr uint32_t kKeepSeconds = 30;  // recommended interval when no Flow-Timer is set (RFC 6223 4.4)

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

// RFC 3261 18.2.2, RFC 3581 4: without rport a UDP answer goes to the port that Via names. A client that registers with outbound has one
// port for both, whatever it says.
Address Shard::answer_address(const Item& item, uint32_t edits) const noexcept {
  Address to = item.source.remote;
  const Via& via = item.facts.top_via;
  const bool client_forced = config_.force_rport && !item.source.from_core;
  if (!via.has_rport && !client_forced && (edits & (kEdit_mark_outbound | kEdit_keep)) == 0) to.port = via.port == 0 ? kSipPort : via.port;
  return to;
}

void Shard::relay_request(unsigned i) noexcept {
  Item& item = items_[i];
  const Message& message = item.message;
  const int32_t* verdict = &verdicts_[i * k_verdict_fields];
  const uint32_t edits = static_cast<uint32_t>(verdict[kVerdict_edits]);
  const bool to_flow = static_cast<Action>(verdict[kVerdict_action]) == Action::relay_to_flow;
  if (to_flow) {
    const uint8_t owner = item.facts.routes[verdict[kVerdict_target] & 7].flow.shard;
    if (owner != config_.shard && owner < config_.shards) {
      if (!item.crossed) hand_over(owner, i);
      return;
    }
  }
  NextLeg leg;
  if (!choose_hop(i, leg)) {
    if (message.method == Method::ack) return;
    if (to_flow) reply(i, 430, Text(), 0);
    else reply(i, 503, Text(), kRetryAfterSeconds);
    return;
  }

  ReturnPath back;
  back.keeper = config_.shard;
  back.shard = item.source.shard;
  back.listener = static_cast<uint8_t>(item.source.listener);
  back.from_core = item.source.from_core;
  back.marks_outbound = edits & kEdit_mark_outbound;
  back.asks_keep = edits & kEdit_keep;
  if (item.source.kind == FlowKind::stream) {
    back.kind = BackKind::stream;
    back.boot = config_.boot;
    back.slot = item.source.slot;
    back.generation = item.source.generation;
  } else {
    back.kind = item.source.remote.is_v4() ? BackKind::udp_v4 : BackKind::udp_v6;
    back.remote = answer_address(item, edits);
  }
  const Via& via = item.facts.top_via;
  const uint64_t transaction = transaction_hash(item.facts.hash, via.branch, via.host);
  char branch_text[kMaxBranchText];
  const Text branch(branch_text, make_branch(config_, back, leg.next, transaction, item.facts.loop_hash, branch_text));

  const bool from_stream = item.source.kind == FlowKind::stream;
  const bool to_stream = is_stream(leg.transport);
  const uint64_t key = pending_.key_of(branch, message.method);
  if (message.method != Method::ack && !from_stream && to_stream && is_retransmission(key, branch)) return;

  Writer head = scratch();
  if (!write_request(i, leg, branch, head)) {
    if (message.method != Method::ack) reply(i, 500, Text(), 0);
    return;
  }
  Text body = message.body();
  const Text octets = finished(head, body);

  uint8_t roles = 0;
  if (message.method != Method::ack) {
    if (to_flow) roles |= kPending_watch;
    if (from_stream && !to_stream) roles |= kPending_repeat;
    if (!from_stream && to_stream) roles |= kPending_replay;
    if (from_stream && item.source.shard == config_.shard) {
      Flow* flow = flows_.find_stream(item.source.slot, item.source.generation);
      if (flow != nullptr) ++flow->waiting;
    }
  }
  if (roles != 0) {
    uint32_t flow = to_flow ? leg.slot : 0;
    if (to_flow && flow == 0) flow = remember_udp_flow(leg.to, leg.listener, leg.client_flow.birth);
    remember(key, roles, message.method, flow, leg.listener, leg.to, octets, body);
  }
  counters_.add(Counter::requests_relayed);
  if (message.method == Method::register_ && !to_flow && !item.source.from_core) {
    counters_.add(Counter::registers_in);
    if (config_.notes) notes_.asked(key, message, item.source.slot);
  }
  if (tap_ != nullptr) tap_departing(item, to_flow, leg, octets, body);
  if (to_stream) streams_.add(leg.slot, octets, body);
  else datagrams_[leg.listener].add(leg.to, octets, body, counters_);
}

void Shard::tap_departing(Item& item, bool to_client, const NextLeg& leg, Text head, Text body) noexcept {
  const bool stream = is_stream(leg.transport);
  const Address to = stream ? flows_.at(leg.slot).remote : leg.to;
  const uint32_t for_peer = tap_->match(to);
  // A trace of the address that it goes to begins with what came in.
  if ((for_peer & ~item.tapped) != 0 && to_client && !item.crossed)
    tap_->put(for_peer & ~item.tapped, false, item.source.remote, item.source.listener, Text(item.message.data, item.message.size), Text());
  item.tapped |= for_peer;
  if (item.tapped != 0) tap_->put(item.tapped, true, to, leg.listener, head, body);
}

bool Shard::write_request(unsigned i, const NextLeg& leg, Text branch, Writer& head) noexcept {
  const Item& item = items_[i];
  const Message& message = item.message;
  const int32_t* verdict = &verdicts_[i * k_verdict_fields];
  const int32_t* record = &records_[i * k_record_fields];
  const uint32_t flags = static_cast<uint32_t>(verdict[kVerdict_edits]);
  const size_t cut = static_cast<size_t>(verdict[kVerdict_cut_routes]);
  const bool to_flow = static_cast<Action>(verdict[kVerdict_action]) == Action::relay_to_flow;
  char buffer[kHeadRoom];
  Writer text(buffer, sizeof buffer);
  EditList edits;

  // RFC 3261 16.6 step 8: our Via on top.
  text.put("Via: SIP/2.0/");
  text.put(transport_text(leg.transport));
  text.put(' ');
  text.put(config_.listeners[leg.listener].sent_by);
  text.put(leg.transport == Transport::udp ? ";rport;branch=" : ";branch=");
  text.put(branch);
  text.put("\r\n");
  if (keys_.empty() && (flags & (kEdit_path | kEdit_record_route))) return false;  // OB-5.1-20
  const bool same = leg.client_listener == leg.core_listener;
  if (flags & kEdit_path) {
    const Text ob = flags & kEdit_path_ob ? ";ob" : "";
    if (!same) put_uri(text, "Path: ", leg.client_flow, Side::core, leg.core_listener, ob, nullptr);
    put_uri(text, "Path: ", leg.client_flow, Side::client, leg.client_listener, ob, nullptr);
    // We keep the flow whether the client has heard of Path or not, and answer for it to registrars that insist (RFC 3327 5.3).
    if ((static_cast<uint32_t>(record[kRecord_options]) & kOption_supported_path) == 0) text.put("Supported: path\r\n");
  }
  if (flags & kEdit_record_route) {
    Neighbour neighbour = item.facts.neighbour;
    const bool has_neighbour = config_.home && (item.source.from_core || item.facts.has_neighbour);
    if (has_neighbour && item.source.from_core)
      neighbour = neighbour_of(Surroundings{config_, keys_, upstreams_, flows_, birth_now()}, message, item.source);
    put_record_route(text, leg, to_flow ? Side::client : Side::core, has_neighbour ? &neighbour : nullptr);
    // From client to client within a dialog: the sender's end belongs to the route set as well (RFC 6665 4.1.2.4, 4.3).
    if (to_flow && !item.source.from_core) {
      NextLeg back = leg;
      back.client_flow = name_of_source(item.source, true);
      back.client_listener = item.source.listener;
      put_record_route(text, back, Side::core, nullptr);
    }
  }
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
  const uint32_t keep = flags & kEdit_keep ? (config_.flow_timer != 0 ? config_.flow_timer : kKeepSeconds) : 0;
  stamp_top_via(message, item.facts.top_via, item.source, keep, text, edits);
  if (flags & kEdit_strip_client) {
    for (HeaderId id : {HeaderId::service_route, HeaderId::p_asserted_identity, HeaderId::flow_timer}) cut_lines(message, id, edits);
  }
  if (flags & kEdit_strip_path) cut_lines(message, HeaderId::path, edits);
  const bool strict_uri = static_cast<uint32_t>(record[kRecord_headers]) & kHeader_strict_uri;
  if (strict_uri) {
    // The Request-URI itself was the first of our own values.
    if (!undo_strict_route(message, cut > 0 ? cut - 1 : 0, edits)) return false;
  } else if (!to_flow && item.facts.next_is_strict && message.route_count > cut) {
    apply_strict_route(message, cut, item.facts.next_route_uri, text, edits);
  } else if (cut > 0) {
    cut_values(message, HeaderId::route, cut, edits);
  }
  return !text.full() && edits.apply(message.data, message.head_size, head);
}

}  // namespace sluice
