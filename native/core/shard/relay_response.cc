// Relays a response (RFC 3261 16.7, 16.11); a 2xx may change the state of the flow it goes to.
#include "core/shard/relay.h"
#include "core/sip/route_set.h"

namespace sluice {

void Relay::fetch(unsigned i, unsigned step) noexcept {
  const Item& item = turn_.item(i);
  const Message& message = item.message;
  Ahead& ahead = ahead_[i];
  const bool registers = message.method == Method::register_;
  const Action action = static_cast<Action>(turn_.verdict(i)[kVerdict_action]);
  const bool is_response = !message.is_request && action == Action::relay_response;
  if (step == 0) {
    ahead = Ahead{};
    if (!is_response) {
      if (registers && action == Action::relay_upstream) ahead.slot = item.source.slot;
      return;
    }
    const ReturnPath& back = item.facts.back;
    if (back.from_core) return;
    if (registers) admission_.fetch(ahead.phone = phone_of(ground_.config, message));
    if (back.kind == BackKind::stream) return ground_.flows.fetch(ahead.slot = back.slot);
    ground_.commons.answers.fetch(back.remote);
    ground_.flows.fetch_bucket(ahead.hash = ground_.flows.hash_of(back.remote, back.listener));
    return;
  }
  if (step == 1 && is_response && !item.facts.back.from_core && item.facts.back.kind != BackKind::stream) ground_.flows.fetch(ahead.slot = ground_.flows.first_with(ahead.hash));
  if (!registers || ahead.slot == 0 || !ground_.config.notes) return;
  if (step == 1) notes_.fetch_place(ahead.slot);
  else notes_.fetch(ahead.slot);
}

void Relay::response(unsigned i) noexcept {
  Item& item = turn_.item(i);
  const Message& message = item.message;
  const int32_t* verdict = turn_.verdict(i);
  const uint32_t flags = static_cast<uint32_t>(verdict[kVerdict_edits]);
  const ReturnPath& back = item.facts.back;
  const bool to_stream = back.kind == BackKind::stream;

  const uint64_t key = remembered_.key_of(item.facts.top_via.branch, message.method);
  remembered_.fetch(key);
  char buffer[256];
  Writer text(buffer, sizeof buffer);
  EditList edits;
  // RFC 3261 16.7 step 3: remove our own Via; if none is left, the response was for us.
  if (message.via_count < 2) return ground_.counters.add(Counter::unsolicited_responses);
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
  Writer head = outbox_.scratch();
  if (!edits.apply(message.data, message.head_size, head)) return ground_.counters.add(Counter::send_dropped);
  Text body = message.body();
  const Text octets = outbox_.finished(head, body);
  remembered_.answered(key, message.status, octets, body);
  const bool changes_flow = flags & (kEdit_mark_outbound | kEdit_mark_registered | kEdit_flow_timer | kEdit_supervise);
  const uint32_t slot = changes_flow ? note_flow(i, flags, static_cast<uint32_t>(verdict[kVerdict_flow_timer])) : 0;
  ground_.counters.add(Counter::responses_relayed);
  const int status = flags & kEdit_as_480 ? 480 : message.status;
  if (message.method == Method::register_ && status / 100 == 2 && !back.from_core) {
    ground_.counters.add(Counter::registers_ok);
    if (ground_.config.notes) note_granted(key, changes_flow ? slot : slot_of(back), message);
  }
  responder_.count(status, message.method);
  ground_.news.response(Event::call_failed, message.method, message.status, item.source.remote, Text(message.data, message.head_size));
  answer_times_.answered(key, ground_.clock.tick());
  if (message.method == Method::register_ && !back.from_core) note_register_answer(i);
  responder_.send_back(back, octets, body, message.status >= 200, item.tapped);
}

void Relay::note_granted(uint64_t key, uint32_t slot, const Message& response) noexcept {
  notes_.granted(key, slot, slot == 0 ? Address{} : ground_.flows.at(slot).remote, ground_.clock.tick(), response);
}

// The connection of a return path if it is ours and open, or the remembered UDP flow; 0: neither.
uint32_t Relay::slot_of(const ReturnPath& back) noexcept {
  if (back.kind != BackKind::stream) return ground_.flows.find_udp(back.remote, back.listener);
  const bool ours = back.boot == ground_.config.boot && back.shard == ground_.config.shard;
  return ours && ground_.flows.find_stream(back.slot, back.generation) != nullptr ? back.slot : 0;
}

uint32_t Relay::note_flow(unsigned i, uint32_t edits, uint32_t flow_timer) noexcept {
  const ReturnPath& back = turn_.item(i).facts.back;
  const uint32_t slot = back.kind == BackKind::stream ? slot_of(back) : udp_flows_.remember(back.remote, back.listener, 0, edits & (kEdit_mark_outbound | kEdit_mark_registered));
  if (slot == 0) return 0;
  if (edits & kEdit_mark_outbound) ground_.flows.at(slot).flags |= kFlow_outbound;
  if (edits & kEdit_mark_registered) ground_.flows.at(slot).flags |= kFlow_registered;
  // Without a new promise of keep-alives, supervision ends (RFC 6223 4.2.2).
  timers_.supervise(slot, edits & (kEdit_flow_timer | kEdit_supervise) ? flow_timer + ground_.config.flow_grace : 0);
  return slot;
}

}  // namespace sluice
