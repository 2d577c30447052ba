// Requests that could not be sent: to another target, or answered as if their next hop had done so (RFC 3263 4.3).
#include "core/relay/object_branch.h"
#include "core/shard/shard.h"

namespace sluice {

// A request that left here, or was about to, fails: answers it as if its next hop had done so.
void Shard::answer_sent(const Message& sent, int status) noexcept {
  Via via;
  ReturnPath back;
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
