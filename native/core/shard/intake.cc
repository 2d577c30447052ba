#include "core/shard/intake.h"

#include "core/relay/object_branch.h"

namespace sluice {

void Intake::take(const Source& source, bool crossed, bool admitted) noexcept {
  Item& item = turn_.next();
  item.source = source;
  item.crossed = crossed;
  item.admitted = admitted;
  item.tapped = 0;
  item.facts.clear();
  const Message& message = item.message;
  if (source.slot != 0 && !crossed) ++ground_.flows.at(source.slot).messages;
  if (!item.crossed) ground_.counters.add(beyond(Counter::transport_udp, static_cast<uint32_t>(source.transport)));
  if (tap_.on()) tap_.received(item);
  if (message.error != ScanError::none) faulty(Counter::malformed, source.remote, message.error, Text(message.data, message.size));
  int32_t* record = turn_.record(turn_.count());
  if (message.is_request) take_request(item, record);
  else if (message.error == ScanError::none) take_response(item, record);
}

void Intake::faulty(Counter why, const Address& from, ScanError error, Text octets) noexcept {
  ground_.counters.add(why);
  ground_.alerts.add(Event::malformed, from, static_cast<int32_t>(error), octets);
}

void Intake::not_sip(const Address& from, Text octets) noexcept { faulty(Counter::not_sip, from, ScanError::not_sip, octets); }

void Intake::take_request(Item& item, int32_t* record) noexcept {
  const Source& source = item.source;
  if (!item.crossed) {
    ground_.counters.add(Counter::requests_in);
    ground_.counters.add(beyond(Counter::method_unknown, static_cast<uint32_t>(item.message.method)));
  }
  if (source.from_core) upstreams_.heard(source.remote, source.transport);
  const Surroundings around{ground_.config, ground_.keys, upstreams_.targets(), ground_.flows, ground_.commons, ground_.clock.birth()};
  read_request_facts(around, item.message, source, item.facts, record);
  bool is_faulty = item.message.error != ScanError::none;
  // Nobody can be told, so there is nothing to decide.
  if (is_faulty && !record[kRecord_answerable]) return;
  for (int32_t i = 0; i < record[kRecord_own_routes] && !item.crossed; ++i) {
    const RouteKind kind = item.facts.routes[i].kind;
    if (kind == RouteKind::gone) ground_.counters.add(Counter::tokens_gone);
    if (kind == RouteKind::elsewhere) ground_.counters.add(Counter::tokens_elsewhere);
    if (kind != RouteKind::forged) continue;
    is_faulty = true;
    ground_.counters.add(Counter::tokens_forged);
    ground_.alerts.add(Event::forged_token, source.remote);
  }
  if (is_faulty && !source.from_core && !ground_.faults.take(source.remote, ground_.clock.tick() / Clock::kTicksPerSecond))
    return ground_.counters.add(Counter::faults_unanswered);
  const Message& message = item.message;
  // It acknowledges a response of ours, so it ends here (RFC 3261 17.1.1.3, 8.2.7).
  if (message.method == Method::ack && message.error == ScanError::none) {
    const AckFor answer = responder_.owner_of(item);
    if (answer == AckFor::proof) heard_us(source);
    if (answer != AckFor::others) return ground_.counters.add(Counter::absorbed);
  }
  if (const uint8_t owner = transaction_owner_of(item, record); owner != ground_.config.shard && hand_over(owner, item)) return;
  turn_.take();
}

// The shard where a neighbour's request meets its transaction. A request for a live flow needs none, and a client keeps to its flow.
uint8_t Intake::transaction_owner_of(const Item& item, const int32_t* record) const noexcept {
  const EdgeConfig& config = ground_.config;
  if (!config.home || config.shards == 1 || item.crossed || !item.source.from_core || item.message.error != ScanError::none) return config.shard;
  for (int32_t i = 0; i < record[kRecord_own_routes]; ++i)
    if (item.facts.routes[i].kind == RouteKind::alive) return config.shard;
  return transaction_owner(config, item.facts.top_via, item.source.remote);
}

void Intake::take_response(Item& item, int32_t* record) noexcept {
  const EdgeConfig& config = ground_.config;
  const Source& source = item.source;
  if (!item.crossed) ground_.counters.add(Counter::responses_in);
  Via& via = item.facts.top_via;
  NextHop answered_by;
  answered_by.core = source.from_core;
  answered_by.kind = source.kind;
  answered_by.listener = source.listener;
  answered_by.slot = source.slot;
  answered_by.generation = source.generation;
  answered_by.remote = source.remote;
  ReturnPath& back = item.facts.back;
  // RFC 3261 16.11 and 18.1.2: silently drop anything that is not a response to something we sent.
  const bool ours = item.message.read_top_via(via) && is_own_host(config, via.host, via.port == 0 ? kSipPort : via.port);
  if (ours && take_object_answer(item, record)) return;
  if (!ours || !read_branch(config, via.branch, answered_by, back)) return ground_.counters.add(Counter::unsolicited_responses);
  if (back.keeper != config.shard && back.keeper < config.shards && !item.crossed) return void(hand_over(back.keeper, item));
  upstreams_.heard(source.remote, source.transport);
  heard_us(source);
  if (back.kind == BackKind::probe) {
    if (source.from_core) upstreams_.probe_answered(static_cast<int>(back.slot), back.generation);
    else if (!back.to_core_hop) responder_.heard_us(source.remote);
    return;
  }
  read_response_facts(item.message, source, item.facts, record);
  turn_.take();
}

// True: it answers a request of the home proxy and is now with the shard that keeps the transaction.
bool Intake::take_object_answer(Item& item, int32_t* record) noexcept {
  uint8_t keeper = 0;
  KeptBy by = KeptBy::objects;
  if (!ground_.config.home || !read_object_branch(ground_.config, item.facts.top_via.branch, keeper, by)) return false;
  if (keeper != ground_.config.shard) {
    if (!item.crossed) hand_over(keeper, item);
    return true;
  }
  upstreams_.heard(item.source.remote, item.source.transport);
  read_response_facts(item.message, item.source, item.facts, record);
  record[kRecord_headers] |= static_cast<int32_t>(by == KeptBy::numbers ? kHeader_proxied_answer : kHeader_object_answer);
  turn_.take();
  return true;
}

// It has repeated something that we sent only to it. The token of its own flow does not count: the other end of a dialog knows it too.
void Intake::heard_us(const Source& source) noexcept {
  if (source.kind == FlowKind::udp && !source.from_core) ground_.commons.answers.heard_us(source.remote);
}

bool Intake::hand_over(uint8_t shard, const Item& item) noexcept { return crossing_.push_message(shard, item.source, Text(item.message.data, item.message.size), item.admitted); }

bool Intake::take_again(const Source& source, Text octets) noexcept { return crossing_.push_message(ground_.config.shard, source, octets, false); }

}  // namespace sluice
