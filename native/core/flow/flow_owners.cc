#include "core/flow/flow_owners.h"

#include <utility>

namespace sluice {

FlowOwners::FlowOwners(const SipKey& key, size_t max_octets) : key_(key), max_octets_(max_octets / kStripes) {
  for (Stripe& stripe : stripes_) stripe.by_source = decltype(stripe.by_source)(16, KeyHash{key});
}

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

void FlowOwners::put(const FlowName& flow, Text owner, const Address* source) {
  if (source == nullptr) return put(hash_of(flow), owner, nullptr);
  const SourceKey key(*source);
  put(hash_of(flow), owner, &key);
}

void FlowOwners::put(uint64_t name, Text owner, const SourceKey* source) {
  Stripe& stripe = stripes_[name % kStripes];
  const std::lock_guard<std::mutex> guard(stripe.lock);
  if (owner.size() + kOverhead > max_octets_) return;
  if (stripe.by_flow.count(name) > 0) remove(stripe, name);
  add(stripe, Entry{name, std::string(owner)}, source);
  const Share* const share = stripe.entries.back().share;
  // The newest stays: a share exists as long as it has an entry.
  while (share != nullptr && stripe.octets > max_octets_ / 2 && share->octets > max_octets_ / 8 && share->oldest != share->newest) {
    ++stripe.forgotten;
    remove(stripe, share->oldest->flow);
  }
  while (stripe.octets > max_octets_) {
    ++stripe.forgotten;
    remove(stripe, stripe.entries.front().flow);
  }
}

void FlowOwners::add(Stripe& stripe, Entry&& entry, const SourceKey* source) {
  stripe.entries.push_back(std::move(entry));
  Entry& added = stripe.entries.back();
  added.number = ++stripe.added;
  stripe.by_flow.emplace(added.flow, std::prev(stripe.entries.end()));
  stripe.octets += added.octets();
  if (source == nullptr) return;
  Share& share = stripe.by_source.try_emplace(*source, Share{*source}).first->second;
  share.octets += added.octets();
  added.share = &share;
  added.older = std::exchange(share.newest, &added);
  (added.older == nullptr ? share.oldest : added.older->newer) = &added;
}

void FlowOwners::remove(Stripe& stripe, uint64_t flow) {
  const auto found = stripe.by_flow.find(flow);
  const Entry& gone = *found->second;
  stripe.octets -= gone.octets();
  if (Share* const share = gone.share; share != nullptr) {
    share->octets -= gone.octets();
    (gone.older == nullptr ? share->oldest : gone.older->newer) = gone.newer;
    (gone.newer == nullptr ? share->newest : gone.newer->older) = gone.older;
    if (share->oldest == nullptr) stripe.by_source.erase(SourceKey(share->source));
  }
  stripe.entries.erase(found->second);
  stripe.by_flow.erase(found);
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

void FlowOwners::freeze(ImageWriter& image, bool all) {
  const size_t at = image.later();
  uint32_t known = 0;
  for (Stripe& stripe : stripes_) {
    const std::lock_guard<std::mutex> guard(stripe.lock);
    const uint64_t since = all ? 0 : stripe.frozen;
    stripe.frozen = stripe.added;
    auto entry = stripe.entries.end();
    while (entry != stripe.entries.begin() && std::prev(entry)->number > since) --entry;
    for (; entry != stripe.entries.end(); ++entry) {
      const SourceKey none{Address{}};
      const SourceKey& source = entry->share != nullptr ? entry->share->source : none;
      image.fields(entry->flow, entry->share != nullptr, source.high, source.low);
      image.text(entry->owner);
      ++known;
    }
  }
  image.set(at, known);
}

void FlowOwners::adopt(ImageReader& image) {
  for (uint32_t left = image.count(sizeof(uint64_t)); left > 0; --left) {
    uint64_t flow = 0;
    bool has_source = false;
    SourceKey source{Address{}};
    image.fields(flow, has_source, source.high, source.low);
    const Text owner = image.text();
    if (image.good()) put(flow, owner, has_source ? &source : nullptr);
  }
}

}  // namespace sluice
