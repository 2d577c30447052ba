// In a storm, a client's REGISTER waits for the upstream, or its phone is told when to come back (core/relay/admission.h).
#include "core/shard/relay.h"

#include <algorithm>
#include <cstring>

namespace sluice {
// Of the address of record, in a REGISTER or its response: keyed, and two multiplications for each eight octets, because every registration pays it.
// Whoever found two that collide would only trade the places of two phones in a storm.
uint32_t Relay::phone_of(const EdgeConfig& config, const Message& message) noexcept {
  uint64_t hash = config.table_key.k0;
  const auto add = [&](Text text) {
    while (!text.empty()) {
      const size_t size = std::min<size_t>(text.size(), 8);
      uint64_t word = 0;
      std::memcpy(&word, text.data(), size);
      hash = (hash ^ word ^ size << 61) * (config.table_key.k1 | 1);
      hash = (hash ^ hash >> 32) * 0xD6E8FEB86659FD93u;
      text.remove_prefix(size);
    }
  };
  if (!message.to_value.empty()) {
    add(message.to_uri.user);
    add(message.to_uri.host);
  }
  return static_cast<uint32_t>(hash >> 32);
}

// False: it waits, or is answered.
bool Relay::admit(const Item& item, uint64_t transaction, int target, bool urgent) noexcept {
  const uint64_t now = turn_clock_.now();
  Admission::Request request{.key = transaction_id(transaction), .target = target, .source = item.source};
  const bool registered = item.source.flow_flags & kFlow_registered;
  request.rank = urgent ? Rank::urgent : registered ? Rank::registered : Rank::first;
  // In quiet times nobody asks who it is.
  if (admission_.has_waiting()) request.phone = phone_of(ground_.config, item.message);
  if (request.rank == Rank::first && request.phone != 0) request.rank = admission_.rank_of(request.phone, item.source.remote, now);
  const FlowLimits& limits = ground_.config.limits;
  const Admission::Bounds bounds{limits.max_buffer_bytes / 4, limits.max_flows_per_source};
  switch (admission_.ask(request, now)) {
    case Admission::Answer::send: return true;
    case Admission::Answer::absorb: return ground_.counters.add(Counter::absorbed), false;
    case Admission::Answer::wait:
      if (admission_.keep(request, Text(item.message.data, item.message.size), Text(), bounds, now)) return expect(item), false;
      break;
    case Admission::Answer::refuse: break;
  }
  if (request.phone == 0) request.phone = phone_of(ground_.config, item.message);
  char text[40];
  Writer line(text, sizeof text);
  line.put("Retry-After: ");
  line.put_number(admission_.put_off(request, bounds, now));
  line.put("\r\n");
  responder_.reply(item, 503, Text(), 0, line.text());
  return false;
}

// Where the request of a response came from; nullptr: its connection is gone.
const Address* Relay::client_of(const Item& response) const noexcept {
  const ReturnPath& back = response.facts.back;
  if (back.kind != BackKind::stream) return &back.remote;
  const Flow* const flow = ground_.flows.find_stream(back.slot, back.generation);
  return flow == nullptr ? nullptr : &flow->remote;
}

void Relay::note_register_answer(unsigned i) noexcept {
  const Item& item = turn_.item(i);
  const Message& response = item.message;
  const uint64_t now = turn_clock_.now();
  admission_.answered(item.facts.back.transaction, response.status == 503, now);
  const Address* const client = client_of(item);
  if (response.status / 100 == 2) admission_.registered(ahead_[i].phone, client);
  else if (response.status == 503 && client != nullptr) admission_.turned_away(ahead_[i].phone, *client, now);
  let_waiting_go();
}

// Through our own ring, so that the next turn decides on them like on any other.
void Relay::let_waiting_go() noexcept {
  if (!admission_.has_waiting()) return;
  admission_.release(turn_clock_.now(), [this](const Admission::Waiting& waiting) {
    const Source& source = waiting.source;
    if (source.kind == FlowKind::stream && ground_.flows.find_stream(source.slot, source.generation) == nullptr) return Admission::LetGo::gone;
    return intake_.take_again(source, waiting.octets.text()) ? Admission::LetGo::sent : Admission::LetGo::later;
  });
}

void Relay::tick() noexcept {
  const UpstreamSet& targets = upstreams_.targets();
  for (int i = 0; i < targets.size(); ++i) {
    const Punctuality& punctuality = upstreams_.punctuality(i);
    admission_.know(i, {targets.at(i).alive, punctuality.is_late(), punctuality.proven()});
  }
  admission_.tick(turn_clock_.now(), [&](int target, bool busy) {
    if (target < targets.size()) ground_.alerts.add(busy ? Event::upstream_busy : Event::upstream_calm, targets.at(target).address, target);
  });
  for (int i = 0; i < targets.size(); ++i) upstreams_.doubt(i, admission_.doubts(i));
  let_waiting_go();
}

// Before the targets change: what waits and what is under way keeps its own.
void Relay::rearrange(const UpstreamSet& next) noexcept {
  std::array<int, UpstreamSet::kCapacity> from;
  from.fill(-1);
  for (int i = 0; i < next.size(); ++i) from[static_cast<size_t>(i)] = upstreams_.targets().find(next.at(i).address, next.at(i).transport);
  admission_.rearrange(from, next.size());
}

}  // namespace sluice
