#include "core/shard/responder.h"

#include <algorithm>

#include "core/relay/answer.h"
#include "core/relay/probe.h"
#include "core/shard/connections.h"
#include "core/sip/char_class.h"

namespace sluice {
namespace {

Counter failure_counter(int status) noexcept {
  switch (status) {
    case 401: return Counter::status_401;
    case 403: return Counter::status_403;
    case 404: return Counter::status_404;
    case 407: return Counter::status_407;
    case 408: return Counter::status_408;
    case 420: return Counter::status_420;
    case 423: return Counter::status_423;
    case 430: return Counter::status_430;
    case 480: return Counter::status_480;
    case 481: return Counter::status_481;
    case 486: return Counter::status_486;
    case 487: return Counter::status_487;
    case 488: return Counter::status_488;
    case 500: return Counter::status_500;
    case 503: return Counter::status_503;
    case 600: return Counter::status_600;
    case 603: return Counter::status_603;
    default: return Counter::status_other;
  }
}

ReturnPath way_back_to(const EdgeConfig& config, const Item& item) noexcept {
  ReturnPath back = return_path_of(config, item.source);
  if (back.kind != BackKind::stream) back.remote = answer_address(config, item, 0);
  return back;
}

constexpr size_t kStatusAt = 8;  // "SIP/2.0 "

bool is_of_class(Text head, char first) noexcept { return head.size() > kStatusAt && head[kStatusAt] == first; }

// The source that the tag of a stateless response is for.
const Address* told_of(const ReturnPath& back) noexcept { return back.kind == BackKind::stream || back.from_core ? nullptr : &back.remote; }
const Address* told_of(const Source& source) noexcept { return source.kind == FlowKind::stream || source.from_core ? nullptr : &source.remote; }

}  // namespace

// Without rport, a UDP response goes to the port that Via names. A client that registers with outbound uses one port for both, whatever
// it says.
Address answer_address(const EdgeConfig& config, const Item& item, uint32_t edits) noexcept {
  Address to = item.source.remote;
  const Via& via = item.facts.top_via;
  const bool client_forced = config.force_rport && !item.source.from_core;
  if (!via.has_rport && !client_forced && (edits & (kEdit_mark_outbound | kEdit_keep)) == 0) to.port = via.port == 0 ? kSipPort : via.port;
  return to;
}

void Responder::count_outcome(int status, Method method) noexcept {
  const bool is_ours = status == 408 || status == 430 || status >= 500;
  if (method == Method::register_) {
    if (status < 300) ground_.counters.add(Counter::registrations_accepted);
    else if (is_ours) ground_.counters.add(Counter::registrations_failed);
    else if (status != 401 && status != 407 && status != 423) ground_.counters.add(Counter::registrations_denied);
    return;
  }
  // RFC 6076 4.7: a callee who declines was reached.
  if (status < 300) ground_.counters.add(Counter::calls_answered);
  else if (status == 480 || status == 486 || status == 600 || status == 603) ground_.counters.add(Counter::calls_declined);
  else if (status == 487) ground_.counters.add(Counter::calls_cancelled);
  else if (is_ours) ground_.counters.add(Counter::calls_failed);
  else if (status >= 400 && status != 401 && status != 407) ground_.counters.add(Counter::calls_refused);
}

void Responder::count(int status, Method method) noexcept {
  static constexpr Counter kClasses[] = {Counter::responses_1xx, Counter::responses_2xx, Counter::responses_3xx,
                                         Counter::responses_4xx, Counter::responses_5xx, Counter::responses_6xx};
  if (status >= 100 && status < 700) ground_.counters.add(kClasses[status / 100 - 1]);
  if (status >= 300) ground_.counters.add(failure_counter(status));
  if (status >= 200 && (method == Method::invite || method == Method::register_)) count_outcome(status, method);
}

void Responder::send_back(const ReturnPath& back, Text head, Text body, bool final, uint32_t tapped, DatagramQueue::Order order) noexcept {
  if (tap_.on()) tap_.answer(tapped, back, head, body);
  if (back.kind == BackKind::udp_v4 || back.kind == BackKind::udp_v6) {
    if (!outbox_.sends_from(back.listener)) return;
    if (RefusalTally::is_refusal(head) && !back.from_core) ground_.refusals.add(back.remote, head, ground_.clock.tick());
    // The source may be forged: never send it more than three times what the forger has sent.
    const bool is_stranger = !back.from_core && !is_core_side(ground_.config, back.listener, back.remote);
    if (is_stranger && !may_send(back.remote, head, body)) return withhold(back, head, body);
    outbox_.datagram(back.listener, back.remote, head, body, order);
    return;
  }
  const EdgeConfig& config = ground_.config;
  if (back.kind != BackKind::stream || back.boot != config.boot) return ground_.counters.add(Counter::send_dropped);
  if (back.shard == config.shard) return deliver(FlowHandle{back.slot, back.generation}, head, body, final);
  if (back.shard >= config.shards) return ground_.counters.add(Counter::send_dropped);
  RingHead record{};
  record.kind = RingHead::stream_octets;
  record.final = final;
  record.slot = back.slot;
  record.generation = back.generation;
  crossing_.push(back.shard, record, head, body);
}

bool Responder::may_send(const Address& to, Text head, Text body) noexcept {
  using Kind = AnswerCredit::Kind;
  return ground_.commons.answers.may_send(to, head.size() + body.size(), is_of_class(head, '1') ? Kind::provisional : Kind::final);
}

// A source that hears us answers the question, and gets the response then.
void Responder::withhold(const ReturnPath& back, Text head, Text body) noexcept {
  ground_.counters.add(Counter::answers_withheld);
  ground_.alerts.add(Event::answer_withheld, back.remote);
  if (withheld_.keep(back, head, body)) ask(back);
}

void Responder::ask(const ReturnPath& back) noexcept {
  Probe question;
  question.kind = "ask";
  question.count = ++questions_asked_;
  question.listener = back.listener;
  question.to = back.remote;
  question.next.core = false;
  question.next.listener = back.listener;
  question.next.remote = back.remote;
  Writer out = outbox_.scratch();
  write_probe(ground_.config, question, out);
  if (!ground_.commons.answers.may_send(back.remote, out.size(), AnswerCredit::Kind::question)) return;
  const Text octets = outbox_.commit(out);
  if (tap_.on()) tap_.sent(back.remote, back.listener, octets);
  outbox_.datagram(back.listener, back.remote, octets);
}

void Responder::heard_us(const Address& source) noexcept {
  withheld_.release(source, [this](const ReturnPath& back, Text octets) {
    const Text copy = outbox_.copied(octets);
    if (!copy.empty()) outbox_.datagram(back.listener, back.remote, copy);
  });
}

void Responder::deliver(const RingHead& head, Text octets) noexcept { deliver(FlowHandle{head.slot, head.generation}, octets, Text(), head.final); }

void Responder::deliver(FlowHandle to, Text head, Text body, bool final) noexcept {
  Flow* flow = ground_.flows.find(to);
  if (flow == nullptr || flow->kind != FlowKind::stream) return ground_.counters.add(Counter::send_dropped);
  if (RefusalTally::is_refusal(head) && (flow->flags & kFlow_core) == 0) ground_.refusals.add(flow->remote, head, ground_.clock.tick());
  outbox_.streams().add(to.slot, head, body);
  if (final && flow->waiting > 0 && --flow->waiting == 0 && (flow->marks & kMark_peer_closed)) ground_.closing.add(to, Counter::flows_closed);
}

void Responder::answer_sent(const Message& sent, int status, ObjectEventKind failure) noexcept {
  Via via;
  ReturnPath back;
  if (sent.method == Method::ack || !parse_via(sent.text(sent.top_via), via)) return;
  const bool is_told = failure == ObjectEventKind::send_failed ? object_.send_failed(via.branch) : object_.datagram_failed(failure, via.branch);
  if (is_told || !read_own_branch(via.branch, back)) return;
  if (status == 430 && !back.from_core) status = 480;  // RFC 5626 11.5: no endpoint ever sees 430
  Answer answer;
  answer.status = status;
  answer.extra_headers = status == 503 ? Text("Retry-After: 5\r\n") : Text();
  char tag[StatelessAnswers::kTag];
  answer.to_tag = StatelessAnswers::tag(ground_.config, transaction_in(via.branch), told_of(back), tag);
  Writer out = outbox_.scratch();
  if (!write_answer(sent, answer, out)) return;
  const Text octets = outbox_.commit(out);
  Counters& counters = ground_.counters;
  counters.add(Counter::replies);
  if (status == 430) counters.add(Counter::replies_430);
  if (status == 503) counters.add(Counter::replies_503);
  count(status, sent.method);
  ground_.news.response(Event::call_refused, sent.method, status, back.kind == BackKind::stream ? Address{} : back.remote, octets);
  send_back(back, octets, Text(), true, tap_.match(sent));
}

AckFor Responder::owner_of(const Item& ack) const noexcept {
  const Facts& facts = ack.facts;
  return answers_.own(ground_.config, ack.message, told_of(ack.source), ground_.clock.tick(),
                      [&] { return transaction_id(transaction_hash(facts.hash, facts.top_via.branch, facts.top_via.host)); });
}

void Responder::reply(const Item& item, int status, Text reason, uint32_t retry_after, Text headers) noexcept {
  const Message& message = item.message;
  const EdgeConfig& config = ground_.config;
  if (message.method == Method::ack) return;
  if (status == 430 && !item.source.from_core) status = 480;  // RFC 5626 11.5: no endpoint ever sees 430
  char lines[1024];
  Writer extra(lines, sizeof lines);
  if (retry_after > 0) {
    // Spread out, so that clients turned away together do not come back together (RFC 5626 4.5).
    extra.put("Retry-After: ");
    extra.put_number(retry_after + siphash(config.table_key, message.data + message.call_id.at, message.call_id.len) % (retry_after + 1));
    extra.put("\r\n");
  }
  if (status == 420) {
    for (const HeaderLine* line = message.line(HeaderId::proxy_require); line != nullptr; line = message.next(*line)) {
      extra.put("Unsupported: ");
      extra.put(message.value(*line));
      extra.put("\r\n");
    }
  }
  // RFC 3261 11.2. OPTIONS is the only request that an edge itself answers with 200.
  if (status == 200 && message.method == Method::options)
    extra.put(config.home ? "Accept: */*\r\nAllow: REGISTER, OPTIONS\r\nSupported: path, outbound\r\n" : "Accept: */*\r\nSupported: path, outbound\r\n");
  extra.put(headers);
  char tag[StatelessAnswers::kTag];
  const uint64_t transaction = transaction_id(transaction_hash(request_hash(config, message), item.facts.top_via.branch, item.facts.top_via.host));
  if (message.method == Method::invite && message.has_tag_to)
    answers_.remember(transaction, ground_.clock.tick(), ground_.branch_end());
  Answer answer;
  answer.status = status;
  answer.reason = reason;
  answer.to_tag = StatelessAnswers::tag(config, transaction, told_of(item.source), tag);
  answer.extra_headers = extra.full() ? Text() : extra.text();
  answer.source = &item.source;
  Writer out = outbox_.scratch();
  if (!write_answer(message, answer, out)) return;
  const Text octets = outbox_.commit(out);
  Counters& counters = ground_.counters;
  counters.add(Counter::replies);
  if (status == 403) counters.add(Counter::replies_403);
  if (status == 430) counters.add(Counter::replies_430);
  if (status == 503) counters.add(Counter::replies_503);
  count(status, message.method);
  ground_.news.response(Event::call_refused, message.method, status, item.source.remote, octets);
  send_back(way_back_to(config, item), octets, Text(), false, item.tapped);
}

}  // namespace sluice
