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

bool SourceShares::take_of_all(Holding what, uint64_t amount, uint64_t limit) noexcept {
  std::atomic<uint64_t>& total = totals_[index_of(what)];
  uint64_t held = total.load(std::memory_order_relaxed);
  do {
    if (amount > limit || held > limit - amount) return false;
  } while (!total.compare_exchange_weak(held, held + amount, std::memory_order_relaxed));
  return true;
}

Grant SourceShares::take(Holding what, const Address& source, uint64_t amount, const ShareLimit& limit) noexcept {
  const Wanted wanted{what, amount, limit};
  Place place = nullptr;
  return take({&wanted, 1}, source, place);
}

Grant SourceShares::take(std::span<const Wanted> all, const Address& source, Place& place) noexcept {
  const HashedKey key = key_of(source);
  Stripe& stripe = stripe_of(key);
  const std::lock_guard<std::mutex> guard(stripe.lock);
  auto& entry = *stripe.sources.try_emplace(key).first;
  Held& held = entry.second;
  Grant grant = Grant::given;
  size_t taken = 0;
  for (; taken < all.size(); ++taken) {
    const auto& [what, amount, limit] = all[taken];
    if (!take_of_all(what, amount, limit.all)) {
      grant = Grant::all_full;
      break;
    }
    uint64_t& share = held.amounts[index_of(what)];
    if (amount > limit.each || share > limit.each - amount) {
      totals_[index_of(what)].fetch_sub(amount, std::memory_order_relaxed);
      grant = Grant::source_full;
      break;
    }
    share += amount;
  }
  if (grant == Grant::given) return place = &entry, grant;
  give_from(stripe, entry, all.first(taken));
  return grant;
}

void SourceShares::give(Holding what, const Address& source, uint64_t amount) noexcept {
  const Wanted given{what, amount, {}};
  const HashedKey key = key_of(source);
  Stripe& stripe = stripe_of(key);
  const std::lock_guard<std::mutex> guard(stripe.lock);
  const auto found = stripe.sources.find(key);
  if (found != stripe.sources.end() && found->second.amounts[index_of(what)] >= amount) give_from(stripe, *found, {&given, 1});
}

void SourceShares::give(std::span<const Wanted> all, Place place) noexcept {
  Stripe& stripe = stripe_of(place->first);
  const std::lock_guard<std::mutex> guard(stripe.lock);
  give_from(stripe, *place, all);
}

// A source that holds nothing leaves no entry.
void SourceShares::give_from(Stripe& stripe, Sources::value_type& entry, std::span<const Wanted> all) noexcept {
  for (const Wanted& one : all) {
    entry.second.amounts[index_of(one.what)] -= one.amount;
    totals_[index_of(one.what)].fetch_sub(one.amount, std::memory_order_relaxed);
  }
  if (!entry.second.is_empty()) return;
  const HashedKey key = entry.first;
  stripe.sources.erase(key);
}

uint64_t SourceShares::held_by(Holding what, const Address& source) noexcept {
  const HashedKey key = key_of(source);
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
