#include "core/flow/source_shares.h"

#include <cstring>

namespace sluice {

SourceKey::SourceKey(const Address& address) noexcept {
  std::memcpy(&high, address.ip, 8);
  if (address.is_v4()) std::memcpy(&low, address.ip + 8, 8);
}

bool SourceShares::Held::is_empty() const noexcept {
  for (uint64_t amount : amounts)
    if (amount != 0) return false;
  return true;
}

SourceShares::SourceShares() : hash_{random_sip_key()} {
  for (Stripe& stripe : stripes_) stripe.sources = decltype(stripe.sources)(16, hash_);
}

bool SourceShares::take_of_all(Holding what, uint64_t amount, uint64_t limit) noexcept {
  std::atomic<uint64_t>& total = totals_[index_of(what)];
  uint64_t held = total.load(std::memory_order_relaxed);
  do {
    if (amount > limit || held > limit - amount) return false;
  } while (!total.compare_exchange_weak(held, held + amount, std::memory_order_relaxed));
  return true;
}

Grant SourceShares::take(Holding what, const Address& source, uint64_t amount, const ShareLimit& limit) noexcept {
  if (!take_of_all(what, amount, limit.all)) return Grant::all_full;
  const SourceKey key(source);
  Stripe& stripe = stripe_of(key);
  {
    const std::lock_guard<std::mutex> guard(stripe.lock);
    uint64_t& held = stripe.sources[key].amounts[index_of(what)];
    if (amount <= limit.each && held <= limit.each - amount) {
      held += amount;
      return Grant::given;
    }
    // A refused source that holds nothing leaves no entry.
    const auto found = stripe.sources.find(key);
    if (found->second.is_empty()) stripe.sources.erase(found);
  }
  totals_[index_of(what)].fetch_sub(amount, std::memory_order_relaxed);
  return Grant::source_full;
}

void SourceShares::give(Holding what, const Address& source, uint64_t amount) noexcept {
  const SourceKey key(source);
  Stripe& stripe = stripe_of(key);
  {
    const std::lock_guard<std::mutex> guard(stripe.lock);
    const auto found = stripe.sources.find(key);
    if (found == stripe.sources.end() || found->second.amounts[index_of(what)] < amount) return;
    found->second.amounts[index_of(what)] -= amount;
    if (found->second.is_empty()) stripe.sources.erase(found);
  }
  totals_[index_of(what)].fetch_sub(amount, std::memory_order_relaxed);
}

uint64_t SourceShares::held_by(Holding what, const Address& source) noexcept {
  const SourceKey key(source);
  Stripe& stripe = stripe_of(key);
  const std::lock_guard<std::mutex> guard(stripe.lock);
  const auto found = stripe.sources.find(key);
  return found == stripe.sources.end() ? 0 : found->second.amounts[index_of(what)];
}

size_t SourceShares::sources() noexcept {
  size_t count = 0;
  for (Stripe& stripe : stripes_) {
    const std::lock_guard<std::mutex> guard(stripe.lock);
    count += stripe.sources.size();
  }
  return count;
}

}  // namespace sluice
