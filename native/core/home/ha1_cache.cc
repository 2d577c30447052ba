#include "core/home/ha1_cache.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace sluice {

const uint8_t* Ha1Cache::find(uint64_t name) const noexcept {
  if (sets_ == nullptr) return nullptr;
  for (const Entry& entry : sets_[name % kSets].entries)
    if (entry.name == name) return entry.ha1;
  return nullptr;
}

void Ha1Cache::learn(Text user, Text realm, DigestAlgorithm algorithm, const uint8_t* ha1) noexcept {
  if (sets_ == nullptr) sets_.reset(new (std::nothrow) Set[kSets]);
  if (sets_ == nullptr) return;
  const uint64_t name = name_of(user, realm, algorithm);
  Set& set = sets_[name % kSets];
  Entry* place = std::find_if(std::begin(set.entries), std::end(set.entries), [&](const Entry& entry) { return entry.name == name; });
  if (place == std::end(set.entries)) place = &set.entries[set.next++ % kWays];
  place->name = name;
  std::memcpy(place->ha1, ha1, digest_size(algorithm));
}

void Ha1Cache::forget() noexcept {
  if (sets_ != nullptr) explicit_bzero(static_cast<void*>(sets_.get()), kSets * sizeof(Set));
  sets_.reset();
}

uint64_t Ha1Cache::name_of(Text user, Text realm, DigestAlgorithm algorithm) const noexcept {
  SipHasher hasher(key_);
  const uint64_t sizes[] = {user.size(), static_cast<uint64_t>(algorithm)};
  hasher.add(sizes, sizeof sizes);
  hasher.add(user.data(), user.size());
  hasher.add(realm.data(), realm.size());
  return hasher.finish() | 1;
}

}  // namespace sluice
