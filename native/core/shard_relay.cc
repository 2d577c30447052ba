// Carrying verdicts out: relaying requests and responses, and answering (RFC 3261 16.6, 16.7, 16.11; RFC 5626 5).
#include "object_branch.h"
#include "route_set.h"
#include "shard.h"

namespace sluice {
namespace {

constexpr size_t kHeadRoom = 4096;     // what a relayed head may grow by
constexpr size_t kCopiedBody = 1024;   // a shorter body is cheaper to copy than to describe to the kernel
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

Text phrase_of(int32_t error) noexcept {
  static constexpr Text kPhrases[] = {
#define SLUICE_SCAN_ERROR(name, status, reason) reason,
#include "layout.def"
  };
  return error > 0 && static_cast<size_t>(error) < sizeof kPhrases / sizeof *kPhrases ? kPhrases[error] : Text();
}

}  // namespace

// Where a request leaves for, decided once for its Via, its Record-Route and its sending.
struct Shard::Departure {
  NextHop next;
  Transport transport = Transport::udp;
  uint16_t listener = 0;        // whose name stands in our Via
  uint32_t slot = 0;            // stream: connection; UDP to a client: remembered flow
  Address to;                   // UDP
  FlowName client_flow;         // the client's end of this request: source of an outgoing, target of an incoming one
  uint16_t client_listener = 0;
  uint16_t core_listener = 0;
};

Writer Shard::scratch() noexcept {
  constexpr size_t kLargest = 65'536 + kHeadRoom + kCopiedBody;
  if (kScratch - scratch_used_ < kLargest) {
    flush();
    scratch_used_ = 0;
  }
  return Writer(scratch_.get() + scratch_used_, kScratch - scratch_used_);
}

void Shard::flush() noexcept {
  for (DatagramQueue& queue : datagrams_)
    if (queue.fd() >= 0) queue.flush(counters_);
  streams_.flush();
}

void Shard::execute() noexcept {
  for (unsigned i = 0; i < count_; ++i) {
    const int32_t* verdict = &verdicts_[i * k_verdict_fields];
    switch (static_cast<Action>(verdict[kVerdict_action])) {
      case Action::relay_upstream:
      case Action::relay_to_flow:
      case Action::relay_to_hop:
        if (items_[i].message.is_request) relay_request(i);
        break;
      case Action::relay_response:
        if (!items_[i].message.is_request) relay_response(i);
        break;
      case Action::reply: {
        if (!items_[i].message.is_request) break;
        const CustomReply* custom = nullptr;
        for (const CustomReply& given : custom_)
          if (given.item == static_cast<int>(i)) custom = &given;
        if (custom != nullptr) {
          reply(i, custom->status, Text(custom->reason.data(), custom->reason.size()), 0, Text(custom->headers.data(), custom->headers.size()));
        } else {
          reply(i, verdict[kVerdict_status], phrase_of(verdict[kVerdict_reason]), static_cast<uint32_t>(verdict[kVerdict_retry_after]));
        }
        break;
      }
      case Action::object:
        hand_to_object_path(i);
        break;
      case Action::drop:
      default:
        counters_.add(Counter::dropped);
        break;
    }
  }
  count_ = 0;
  flush();
  close_failed();
  flush();  // what the closing of flows had to say
}

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

bool Shard::depart(unsigned i, Departure& out) noexcept {
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
  Departure departure;
  if (!depart(i, departure)) {
    if (message.method == Method::ack) return;
    if (to_flow) reply(i, 430, Text(), 0);
    else reply(i, 503, Text(), kRetryAfterSeconds);
    return;
  }

  WayBack back;
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
  const Text branch(branch_text, make_branch(config_, back, departure.next, transaction, item.facts.loop_hash, branch_text));

  const bool from_stream = item.source.kind == FlowKind::stream;
  const bool to_stream = is_stream(departure.transport);
  const uint64_t key = pending_.key_of(branch, message.method);
  if (message.method != Method::ack && !from_stream && to_stream && absorb(key, branch)) return;

  Writer head = scratch();
  if (!write_request(i, departure, branch, head)) {
    if (message.method != Method::ack) reply(i, 500, Text(), 0);
    return;
  }
  scratch_used_ += head.size();
  Text body = message.body();
  Text octets = head.text();
  if (body.size() <= kCopiedBody && !body.empty()) {
    Writer tail(scratch_.get() + scratch_used_, kScratch - scratch_used_);
    tail.put(body);
    scratch_used_ += body.size();
    octets = Text(octets.data(), octets.size() + body.size());
    body = Text();
  }

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
    uint32_t flow = to_flow ? departure.slot : 0;
    if (to_flow && flow == 0) flow = remember_udp_flow(departure.to, departure.listener, departure.client_flow.birth);
    remember(key, roles, message.method, flow, departure.listener, departure.to, octets, body);
  }
  counters_.add(Counter::requests_relayed);
  if (message.method == Method::register_ && !to_flow && !item.source.from_core) {
    counters_.add(Counter::registers_in);
    if (config_.notes) notes_.asked(key, message, item.source.slot);
  }
  if (tap_ != nullptr) tap_departing(item, to_flow, departure, octets, body);
  if (to_stream) streams_.add(departure.slot, octets, body);
  else datagrams_[departure.listener].add(departure.to, octets, body, counters_);
}

void Shard::tap_departing(Item& item, bool to_client, const Departure& departure, Text head, Text body) noexcept {
  const bool stream = is_stream(departure.transport);
  const Address to = stream ? flows_.at(departure.slot).remote : departure.to;
  const uint32_t for_peer = tap_->match(to);
  // A trace of the address that it goes to begins with what came in.
  if ((for_peer & ~item.tapped) != 0 && to_client && !item.crossed)
    tap_->put(for_peer & ~item.tapped, false, item.source.remote, item.source.listener, Text(item.message.data, item.message.size), Text());
  item.tapped |= for_peer;
  if (item.tapped != 0) tap_->put(item.tapped, true, to, departure.listener, head, body);
}

void Shard::put_uri(Writer& out, Text header, const FlowName& flow, Side side, uint16_t listener, bool ob) noexcept {
  char token[kMaxTokenText];
  const size_t size = make_token(keys_, flow, side, token);
  const Listener& on = config_.listeners[listener];
  out.put(header);
  out.put("<sip:");
  out.put(Text(token, size));
  out.put('@');
  out.put(on.sent_by);
  out.put(transport_param(on.transport));
  out.put(";lr");
  out.put(ob ? ";ob>\r\n" : ">\r\n");
}

bool Shard::write_request(unsigned i, const Departure& departure, Text branch, Writer& head) noexcept {
  const Item& item = items_[i];
  const Message& message = item.message;
  const int32_t* verdict = &verdicts_[i * k_verdict_fields];
  const uint32_t flags = static_cast<uint32_t>(verdict[kVerdict_edits]);
  const size_t cut = static_cast<size_t>(verdict[kVerdict_cut_routes]);
  const bool to_flow = static_cast<Action>(verdict[kVerdict_action]) == Action::relay_to_flow;
  char buffer[kHeadRoom];
  Writer text(buffer, sizeof buffer);
  EditList edits;

  // RFC 3261 16.6 step 8: our Via on top.
  text.put("Via: SIP/2.0/");
  text.put(transport_text(departure.transport));
  text.put(' ');
  text.put(config_.listeners[departure.listener].sent_by);
  text.put(departure.transport == Transport::udp ? ";rport;branch=" : ";branch=");
  text.put(branch);
  text.put("\r\n");
  if (keys_.empty() && (flags & (kEdit_path | kEdit_record_route))) return false;  // OB-5.1-20
  const bool same = departure.client_listener == departure.core_listener;
  if (flags & kEdit_path) {
    const bool ob = flags & kEdit_path_ob;
    if (!same) put_uri(text, "Path: ", departure.client_flow, Side::core, departure.core_listener, ob);
    put_uri(text, "Path: ", departure.client_flow, Side::client, departure.client_listener, ob);
  }
  if (flags & kEdit_record_route) {
    // RFC 5658: the URI of the side that reads it first comes first, so each side's Route starts with its own listener.
    const Side first = to_flow ? Side::client : Side::core;
    const Side second = to_flow ? Side::core : Side::client;
    const auto listener = [&](Side side) { return side == Side::client ? departure.client_listener : departure.core_listener; };
    put_uri(text, "Record-Route: ", departure.client_flow, first, listener(first), false);
    put_uri(text, "Record-Route: ", departure.client_flow, second, listener(second), false);
  }
  const bool limit_forwards = message.line(HeaderId::max_forwards) == nullptr;
  if (limit_forwards) text.put("Max-Forwards: 70\r\n");
  const HeaderLine* breadth = message.line(HeaderId::max_breadth);
  if (breadth == nullptr) text.put("Max-Breadth: 60\r\n");
  if (message.content_length < 0 && is_stream(departure.transport)) {
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
    for (HeaderId id : {HeaderId::path, HeaderId::service_route, HeaderId::p_asserted_identity, HeaderId::flow_timer}) cut_lines(message, id, edits);
  }
  const bool strict_uri = static_cast<uint32_t>(records_[i * k_record_fields + kRecord_headers]) & kHeader_strict_uri;
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

void Shard::relay_response(unsigned i) noexcept {
  Item& item = items_[i];
  const Message& message = item.message;
  const int32_t* verdict = &verdicts_[i * k_verdict_fields];
  const uint32_t flags = static_cast<uint32_t>(verdict[kVerdict_edits]);
  const WayBack& back = item.facts.back;
  const bool to_stream = back.kind == BackKind::stream;

  char buffer[256];
  Writer text(buffer, sizeof buffer);
  EditList edits;
  // RFC 3261 16.7 step 3: our own Via goes; with none left the response was for us.
  if (message.via_count < 2) return counters_.add(Counter::unsolicited_responses);
  cut_top_via(message, edits);
  if (flags & kEdit_as_480) edits.replace(0, message.lines[0].line_at, "SIP/2.0 480 Temporarily Unavailable\r\n");
  if (flags & (kEdit_flow_timer | kEdit_strip_flow_timer)) cut_lines(message, HeaderId::flow_timer, edits);
  if (flags & kEdit_flow_timer) {
    text.put("Flow-Timer: ");
    text.put_number(static_cast<uint32_t>(verdict[kVerdict_flow_timer]));
    text.put("\r\n");
  }
  if (message.content_length < 0 && to_stream) {
    text.put("Content-Length: ");
    text.put_number(message.body().size());
    text.put("\r\n");
  }
  if (text.size() > 0) edits.insert(message.head_size - 2, text.text());
  Writer head = scratch();
  if (!edits.apply(message.data, message.head_size, head)) return counters_.add(Counter::send_dropped);
  scratch_used_ += head.size();
  Text body = message.body();
  Text octets = head.text();
  if (body.size() <= kCopiedBody && !body.empty()) {
    Writer tail(scratch_.get() + scratch_used_, kScratch - scratch_used_);
    tail.put(body);
    scratch_used_ += body.size();
    octets = Text(octets.data(), octets.size() + body.size());
    body = Text();
  }
  answered(pending_.key_of(item.facts.top_via.branch, message.method), message.status, octets, body);
  if (flags & (kEdit_mark_outbound | kEdit_flow_timer | kEdit_supervise)) {
    uint32_t slot = 0;
    if (to_stream) {
      if (back.boot == config_.boot && back.shard == config_.shard && flows_.find_stream(back.slot, back.generation) != nullptr) slot = back.slot;
    } else {
      slot = remember_udp_flow(back.remote, back.listener, 0);
    }
    if (slot != 0) {
      if (flags & kEdit_mark_outbound) flows_.at(slot).flags |= kFlow_outbound;
      // Without a fresh promise of keep-alives the supervision ends (RFC 6223 4.2.2).
      supervise(slot, flags & (kEdit_flow_timer | kEdit_supervise) ? static_cast<uint32_t>(verdict[kVerdict_flow_timer]) + config_.flow_grace : 0);
    }
  }
  counters_.add(Counter::responses_relayed);
  const int status = flags & kEdit_as_480 ? 480 : message.status;
  if (message.method == Method::register_ && status / 100 == 2 && !back.from_core) {
    counters_.add(Counter::registers_ok);
    if (config_.notes) note_registration(item.facts.top_via.branch, back);
  }
  count_response(status);
  send_back(back, octets, body, message.status >= 200, item.tapped);
}

void Shard::note_registration(Text branch, const WayBack& back) noexcept {
  uint32_t slot = 0;
  if (back.kind != BackKind::stream) slot = flows_.find_udp(back.remote, back.listener);
  else if (back.boot == config_.boot && back.shard == config_.shard && flows_.find_stream(back.slot, back.generation) != nullptr) slot = back.slot;
  notes_.granted(pending_.key_of(branch, Method::register_), slot, now_tick_);
}

void Shard::count_response(int status) noexcept {
  static constexpr Counter kClasses[] = {Counter::responses_1xx, Counter::responses_2xx, Counter::responses_3xx,
                                         Counter::responses_4xx, Counter::responses_5xx, Counter::responses_6xx};
  if (status >= 100 && status < 700) counters_.add(kClasses[status / 100 - 1]);
}

void Shard::send_back(const WayBack& back, Text head, Text body, bool final, uint32_t tapped) noexcept {
  if (tapped != 0 && tap_ != nullptr) tap_answer(tapped, back, head, body);
  if (back.kind == BackKind::udp_v4 || back.kind == BackKind::udp_v6) {
    if (back.listener < datagrams_.size() && datagrams_[back.listener].fd() >= 0) datagrams_[back.listener].add(back.remote, head, body, counters_);
    return;
  }
  if (back.kind != BackKind::stream || back.boot != config_.boot) return counters_.add(Counter::send_dropped);
  if (back.shard != config_.shard) {
    if (back.shard >= config_.shards) return counters_.add(Counter::send_dropped);
    RingHead record{};
    record.kind = RingHead::stream_octets;
    record.slot = back.slot;
    record.generation = back.generation;
    const iovec parts[3] = {{&record, sizeof record}, {const_cast<char*>(head.data()), head.size()}, {const_cast<char*>(body.data()), body.size()}};
    push_to(back.shard, parts, 3);
    return;
  }
  Flow* flow = back.slot != 0 && back.slot < flows_.slots() ? &flows_.at(back.slot) : nullptr;
  if (flow == nullptr || flow->state == FlowState::free_slot || flow->generation != back.generation) return counters_.add(Counter::send_dropped);
  streams_.add(back.slot, head, body);
  if (final && flow->waiting > 0 && --flow->waiting == 0 && (flow->marks & kMark_peer_closed)) doomed_.push_back(back.slot);
}

void Shard::reply(unsigned i, int status, Text reason, uint32_t retry_after, Text headers) noexcept {
  const Item& item = items_[i];
  const Message& message = item.message;
  if (message.method == Method::ack) return;
  char lines[1024];
  Writer extra(lines, sizeof lines);
  if (retry_after > 0) {
    // Spread, so that those who were turned away together do not come back together (RFC 5626 4.5).
    extra.put("Retry-After: ");
    extra.put_number(retry_after + siphash(config_.table_key, message.data + message.call_id.at, message.call_id.len) % (retry_after + 1));
    extra.put("\r\n");
  }
  if (status == 420) {
    for (const HeaderLine* line = message.line(HeaderId::proxy_require); line != nullptr; line = message.next(*line)) {
      extra.put("Unsupported: ");
      extra.put(message.value(*line));
      extra.put("\r\n");
    }
  }
  if (status == 200 && message.method == Method::options) extra.put("Accept: */*\r\nSupported: path, outbound\r\n");
  extra.put(headers);
  char tag[24] = "sl-";
  uint64_t hash = transaction_hash(request_hash(config_, message), item.facts.top_via.branch, item.facts.top_via.host);
  for (int digit = 0; digit < 12; ++digit, hash >>= 4) tag[3 + digit] = "0123456789abcdef"[hash & 15];
  Answer answer;
  answer.status = status;
  answer.reason = reason;
  answer.to_tag = Text(tag, 15);
  answer.extra_headers = extra.full() ? Text() : extra.text();
  answer.source = &item.source;
  Writer out = scratch();
  if (!write_answer(message, answer, out)) return;
  scratch_used_ += out.size();
  counters_.add(Counter::replies);
  if (status == 403) counters_.add(Counter::replies_403);
  if (status == 430) counters_.add(Counter::replies_430);
  if (status == 503) counters_.add(Counter::replies_503);
  WayBack back;
  back.kind = item.source.kind == FlowKind::stream ? BackKind::stream : BackKind::udp_v4;
  back.shard = item.source.shard;
  back.listener = static_cast<uint8_t>(item.source.listener);
  back.boot = config_.boot;
  back.slot = item.source.slot;
  back.generation = item.source.generation;
  back.remote = answer_address(item, 0);
  count_response(status);
  send_back(back, out.text(), Text(), false, item.tapped);
}

// A request that left here, or was about to, fails: answers it as if its next hop had done so.
void Shard::answer_sent(const Message& sent, int status) noexcept {
  Via via;
  WayBack back;
  if (sent.method == Method::ack || !parse_via(sent.text(sent.top_via), via) || object_send_failed(via.branch) || !read_own_branch(via.branch, back)) return;
  Answer answer;
  answer.status = status;
  char retry[] = "Retry-After: 5\r\n";
  answer.extra_headers = status == 503 ? Text(retry) : Text();
  answer.to_tag = "sl-gone";
  Writer out = scratch();
  if (!write_answer(sent, answer, out)) return;
  scratch_used_ += out.size();
  counters_.add(Counter::replies);
  if (status == 430) counters_.add(Counter::replies_430);
  if (status == 503) counters_.add(Counter::replies_503);
  count_response(status);
  send_back(back, out.text(), Text(), true, tap_ != nullptr ? tap_->match(sent) : 0);
}

// A request that could not even be begun goes to the next target that lives (RFC 3263 4.3). It has not left us yet, so its branch stays;
// only the transport in our Via follows the new target.
bool Shard::send_elsewhere(const Message& message) noexcept {
  const Text call_id = message.text(message.call_id);
  const int target = upstreams_.pick(siphash(config_.branch_key, call_id.data(), call_id.size()));
  Via via;
  uint8_t keeper = 0;
  // What the object path sent has a target of its own: its transaction decides what follows.
  if (target < 0 || !parse_via(message.text(message.top_via), via) || read_object_branch(config_, via.branch, keeper)) return false;
  const Upstream& upstream = upstreams_.at(target);
  const bool stream = is_stream(upstream.transport);
  const uint16_t listener = core_listener(upstream.transport, upstream.address.is_v4());
  const uint32_t slot = stream ? core_connection(upstream.address, upstream.transport, upstreams_.name(target)) : 0;
  if (stream && slot == 0) return false;
  Writer out = scratch();
  out.put(Text(message.data, message.lines[0].line_at));
  out.put("Via: SIP/2.0/");
  out.put(transport_text(upstream.transport));
  out.put(' ');
  out.put(config_.listeners[listener].sent_by);
  out.put(stream ? ";branch=" : ";rport;branch=");
  out.put(via.branch);
  out.put("\r\n");
  out.put(Text(message.data + message.lines[0].line_end, message.size - message.lines[0].line_end));
  if (out.full()) return false;
  scratch_used_ += out.size();
  upstream_asked(target);
  if (stream) streams_.add(slot, out.text(), Text());
  else datagrams_[listener].add(upstream.address, out.text(), Text(), counters_);
  return true;
}

void Shard::redirect_unsent(Text messages) noexcept {
  Message* const message = spare_.get();
  while (!messages.empty()) {
    const size_t head = find_head_end(messages.data(), messages.size(), 0);
    if (head == 0 || scan(messages.data(), messages.size(), head, Carrier::stream, config_.limits.scan, *message) != ScanError::none) return;
    if (message->size > messages.size()) return;
    if (message->is_request && !send_elsewhere(*message)) answer_sent(*message, 503);
    messages.remove_prefix(message->size);
  }
}

}  // namespace sluice
