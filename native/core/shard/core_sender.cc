#include "core/shard/core_sender.h"

#include <cerrno>

#include "core/relay/facts.h"
#include "core/relay/object_branch.h"
#include "core/relay/own_output.h"
#include "core/relay/probe.h"

namespace sluice {
namespace {

// No route at all: the next datagram will not find one either. A filter may let the next one through, and a shorter one may fit: such an error
// speaks of one datagram, never of a flow.
bool has_no_way(int error) noexcept { return error == ENETUNREACH || error == EHOSTUNREACH || error == ENETDOWN || error == EINVAL; }

// It asks one target whether it lives, so it goes to no other, and says nothing of whether a request would be answered.
bool is_probe(const Message& message) noexcept {
  Via via;
  ReturnPath back;
  return message.method == Method::options && parse_via(message.text(message.top_via), via) && read_own_branch(via.branch, back) && back.kind == BackKind::probe;
}

}  // namespace

uint32_t CoreSender::probe(int target) noexcept {
  const Upstream& upstream = upstreams_.targets().at(target);
  const bool stream = is_stream(upstream.transport);
  const uint32_t slot = stream ? connections_.to_core(upstream.address, upstream.transport, upstreams_.targets().name(target)) : 0;
  if (stream && slot == 0) return 0;
  Probe probe;
  probe.kind = "probe";
  probe.target = static_cast<uint32_t>(target);
  probe.count = ++probes_sent_;
  probe.listener = core_listener(ground_.config, upstream.transport, upstream.address.is_v4());
  probe.transport = upstream.transport;
  probe.to = upstream.address;
  Writer out = outbox_.scratch();
  write_probe(ground_.config, probe, out);
  const Text octets = outbox_.commit(out);
  if (stream) outbox_.streams().add(slot, octets, Text());
  else outbox_.datagram(probe.listener, upstream.address, octets);
  return probe.count;
}

// The request has not left us yet, so its branch stays; only the transport in our Via follows the new target.
bool CoreSender::send_elsewhere(const Message& message) noexcept {
  const int target = upstreams_.pick(message.text(message.call_id));
  Via via;
  uint8_t keeper = 0;
  KeptBy by = KeptBy::objects;
  // The home proxy chose the target of its own requests, so its transaction decides what to do next.
  if (target < 0 || !parse_via(message.text(message.top_via), via) || read_object_branch(ground_.config, via.branch, keeper, by)) return false;
  const Upstream& upstream = upstreams_.targets().at(target);
  const bool stream = is_stream(upstream.transport);
  const uint16_t listener = core_listener(ground_.config, upstream.transport, upstream.address.is_v4());
  const uint32_t slot = stream ? connections_.to_core(upstream.address, upstream.transport, upstreams_.targets().name(target)) : 0;
  if (stream && (slot == 0 || !outbox_.streams().accepts(slot, message.size + kMaxBranchText))) return false;
  Writer out = outbox_.scratch(message.size + 1024);
  out.put(Text(message.data, message.lines[0].line_at));
  put_own_via(out, ground_.config.listeners[listener], upstream.transport, via.branch);
  out.put(Text(message.data + message.lines[0].line_end, message.size - message.lines[0].line_end));
  if (out.full()) return false;
  const Text octets = outbox_.commit(out);
  upstreams_.asked(target);
  if (stream) outbox_.streams().add(slot, octets, Text());
  else outbox_.datagram(listener, upstream.address, octets);
  return true;
}

void CoreSender::redirect(Text messages) noexcept {
  Message& message = *ground_.spare;
  while (!messages.empty()) {
    const bool usable = scan_own_output(messages, message);
    // Unless its end is certain, there is no telling where the next one begins.
    if (!message.is_framed || message.size > messages.size()) return ground_.counters.add(Counter::send_dropped);
    if (!usable || !message.is_request) ground_.counters.add(Counter::send_dropped);
    // A node of the farm that cannot be reached has taken its flows with it.
    else if (leads_to_node(ground_.config, ground_.keys, message)) responder_.answer_sent(message, 430);
    else if (!is_probe(message) && !send_elsewhere(message)) responder_.answer_sent(message, 503);
    messages.remove_prefix(message.size);
  }
}

bool CoreSender::redirect_unsent() noexcept {
  std::vector<UnsentQueue> queues = connections_.take_unsent();
  for (UnsentQueue& queue : queues) {
    for (FlowBuffer* buffer = queue.first(); buffer != nullptr; buffer = buffer->next) redirect(buffer->text());
    queue.clear(ground_.pool);
  }
  return !queues.empty();
}

void CoreSender::redirect_refused(const DatagramQueue::Refused& refused) noexcept {
  Message& message = *ground_.spare;
  if (!scan_own_output(refused.octets, message) || !message.is_request) return;
  const int target = upstreams_.targets().find(refused.to, Transport::udp);
  const bool no_way = has_no_way(refused.error);
  const bool to_node = leads_to_node(ground_.config, ground_.keys, message);
  if (target >= 0 && no_way) {
    upstreams_.failed(target);
    if (is_probe(message)) return;
    // The body of a long one is gone with the turn.
    if (!to_node && refused.octets.size() == message.size && send_elsewhere(message)) return;
  }
  // If there is no route to a flow, nobody can be reached over it now (RFC 5626 5.3), but it has not ended.
  if (no_way) responder_.answer_sent(message, to_node || target < 0 ? 430 : 503);
  else if (refused.error == EMSGSIZE) responder_.answer_sent(message, 513, ObjectEventKind::too_large);
  else responder_.answer_sent(message, 503, ObjectEventKind::held_back);
  Via via;
  if (parse_via(message.text(message.top_via), via)) remembered_.drop(remembered_.key_of(via.branch, message.method));
}

bool CoreSender::redirect_refused() noexcept {
  return outbox_.take_refused([this](uint16_t, const DatagramQueue::Refused& refused) { redirect_refused(refused); });
}

}  // namespace sluice
