#include "core/shard/tap.h"

#include "core/relay/own_output.h"

namespace sluice {

void Tap::set(std::vector<TapFilter> filters) noexcept {
  tap_ = filters.empty() ? nullptr : std::make_unique<WireTap>(std::move(filters), ground_.config.table_key);
}

std::vector<char> Tap::drain() noexcept {
  if (tap_ == nullptr) return {};
  uint64_t lost = 0;
  std::vector<char> octets = tap_->drain(lost);
  if (lost > 0) ground_.counters.add(Counter::tapped_lost, static_cast<int64_t>(lost));
  return octets;
}

void Tap::received(Item& item) noexcept {
  const Message& message = item.message;
  item.tapped = tap_->match(item.source.remote) | tap_->match(message);
  // What another shard handed over has been copied there.
  if (item.tapped != 0 && !item.crossed) tap_->put(item.tapped, false, item.source.remote, item.source.listener, Text(message.data, message.size), Text());
}

void Tap::sent(const Address& to, uint16_t listener, Text octets) noexcept {
  uint32_t filters = tap_->match(to);
  if (scan_own_output(octets, *ground_.spare)) filters |= tap_->match(*ground_.spare);
  filters |= tap_->match_outcome(octets);
  if (filters != 0) tap_->put(filters, true, to, listener, octets, Text());
}

void Tap::leaves(Item& item, bool to_client, const Address& to, uint16_t listener, Text head, Text body) noexcept {
  const uint32_t for_peer = tap_->match(to);
  // A trace of the destination's address begins with the message as received.
  if ((for_peer & ~item.tapped) != 0 && to_client && !item.crossed)
    tap_->put(for_peer & ~item.tapped, false, item.source.remote, item.source.listener, Text(item.message.data, item.message.size), Text());
  item.tapped |= for_peer;
  if (item.tapped != 0) tap_->put(item.tapped, true, to, listener, head, body);
}

void Tap::answer(uint32_t filters, const ReturnPath& back, Text head, Text body) noexcept {
  Address peer = back.remote;
  uint16_t listener = back.listener;
  if (back.kind == BackKind::stream) {
    const Flow* flow = back.shard == ground_.config.shard ? ground_.flows.find_stream(back.slot, back.generation) : nullptr;
    peer = flow != nullptr ? flow->remote : Address{};
    listener = flow != nullptr ? flow->listener : listener;
  }
  filters |= tap_->match(peer) | tap_->match_outcome(head);
  if (filters != 0) tap_->put(filters, true, peer, listener, head, body);
}

}  // namespace sluice
