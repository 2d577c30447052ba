// Responses: those that are relayed (RFC 3261 16.7, 16.11), and those of our own.
#include "core/relay/object_branch.h"
#include "core/sip/route_set.h"
#include "core/shard/shard.h"

namespace sluice {

void Shard::relay_response(unsigned i) noexcept {
  Item& item = items_[i];
  const Message& message = item.message;
  const int32_t* verdict = &verdicts_[i * k_verdict_fields];
  const uint32_t flags = static_cast<uint32_t>(verdict[kVerdict_edits]);
  const ReturnPath& back = item.facts.back;
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
  Text body = message.body();
  const Text octets = finished(head, body);
  answered(pending_.key_of(item.facts.top_via.branch, message.method), message.status, octets, body);
  if (flags & (kEdit_mark_outbound | kEdit_mark_registered | kEdit_flow_timer | kEdit_supervise)) {
    uint32_t slot = 0;
    if (to_stream) {
      if (back.boot == config_.boot && back.shard == config_.shard && flows_.find_stream(back.slot, back.generation) != nullptr) slot = back.slot;
    } else {
      slot = remember_udp_flow(back.remote, back.listener, 0);
    }
    if (slot != 0) {
      if (flags & kEdit_mark_outbound) flows_.at(slot).flags |= kFlow_outbound;
      if (flags & kEdit_mark_registered) flows_.at(slot).flags |= kFlow_registered;
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

void Shard::note_registration(Text branch, const ReturnPath& back) noexcept {
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

void Shard::send_back(const ReturnPath& back, Text head, Text body, bool final, uint32_t tapped) noexcept {
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
  if (final && flow->waiting > 0 && --flow->waiting == 0 && (flow->marks & kMark_peer_closed)) closing_after_answer_.push_back(back.slot);
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
  // RFC 3261 11.2. An edge answers nothing but OPTIONS by itself.
  if (status == 200 && message.method == Method::options)
    extra.put(config_.home ? "Accept: */*\r\nAllow: REGISTER, OPTIONS\r\nSupported: path, outbound\r\n" : "Accept: */*\r\nSupported: path, outbound\r\n");
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
  ReturnPath back;
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

}  // namespace sluice
