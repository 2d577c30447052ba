#include "core/flow/flow_owners.h"

namespace sluice {

uint64_t FlowOwners::hash_of(const FlowName& flow) const noexcept {
  SipHasher hash(key_);
  const bool stream = flow.kind == FlowKind::stream;
  const uint32_t numbers[] = {stream, stream ? flow.shard : 0u, stream ? flow.boot : 0u, stream ? flow.slot : 0u, stream ? flow.generation : 0u, stream ? 0u : flow.birth};
  hash.add(numbers, sizeof numbers);
  if (stream) return hash.finish();
  for (const Address* address : {&flow.remote, &flow.local}) {
    hash.add(address->ip, sizeof address->ip);
    hash.add(&address->port, sizeof address->port);
  }
  return hash.finish();
}

void FlowOwners::put(const FlowName& flow, Text owner) {
  const uint64_t name = hash_of(flow);
  const size_t octets = owner.size() + kOverhead;
  Stripe& stripe = stripes_[name % kStripes];
  const std::lock_guard<std::mutex> guard(stripe.lock);
  if (octets > max_octets_) return;
  if (const auto known = stripe.by_flow.find(name); known != stripe.by_flow.end()) {
    Entry& entry = *known->second;
    stripe.octets += owner.size() - entry.owner.size();
    entry.owner.assign(owner);
    stripe.entries.splice(stripe.entries.end(), stripe.entries, known->second);
  } else {
    stripe.entries.push_back(Entry{name, std::string(owner)});
    stripe.by_flow.emplace(name, std::prev(stripe.entries.end()));
    stripe.octets += octets;
  }
  while (stripe.octets > max_octets_) drop_oldest(stripe);
}

std::string FlowOwners::find(const FlowName& flow) {
  const uint64_t name = hash_of(flow);
  Stripe& stripe = stripes_[name % kStripes];
  const std::lock_guard<std::mutex> guard(stripe.lock);
  const auto known = stripe.by_flow.find(name);
  return known == stripe.by_flow.end() ? std::string() : known->second->owner;
}

bool FlowOwners::have_one_user(const FlowName& one, const FlowName& other) {
  const std::string first = find(one);
  if (first.empty()) return false;
  const std::string second = find(other);
  return first.substr(0, first.find('\n')) == second.substr(0, second.find('\n'));
}

FlowOwners::Size FlowOwners::size() {
  Size size;
  for (Stripe& stripe : stripes_) {
    const std::lock_guard<std::mutex> guard(stripe.lock);
    size.known += stripe.entries.size();
    size.octets += stripe.octets;
    size.forgotten += stripe.forgotten;
  }
  return size;
}

void FlowOwners::drop_oldest(Stripe& stripe) {
  ++stripe.forgotten;
  const Entry& oldest = stripe.entries.front();
  stripe.octets -= oldest.owner.size() + kOverhead;
  stripe.by_flow.erase(oldest.flow);
  stripe.entries.pop_front();
}

}  // namespace sluice
