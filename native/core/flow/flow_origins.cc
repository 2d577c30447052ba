#include "core/flow/flow_origins.h"

namespace sluice {
namespace {

constexpr uint64_t kName = ~uint64_t{UINT32_MAX};

}  // namespace

FlowOrigins::FlowOrigins() : key_(random_sip_key()) {}

uint64_t FlowOrigins::hash_of(const FlowName& connection) const noexcept {
  const uint32_t numbers[] = {connection.shard, connection.boot, connection.slot, connection.generation};
  return siphash(key_, numbers, sizeof numbers);
}

uint32_t FlowOrigins::tag_of(const Address& remote) const noexcept {
  const SourceKey source(remote);
  return static_cast<uint32_t>(siphash(key_, &source, sizeof source));
}

void FlowOrigins::put(const FlowName& connection, const Address& remote) noexcept {
  const uint64_t name = hash_of(connection);
  places_[name % kPlaces].store((name & kName) | tag_of(remote), std::memory_order_relaxed);
  // After the place, so that a freeze() on another thread misses neither.
  is_new_[name % kPlaces / kGroup].store(true, std::memory_order_release);
}

Origin FlowOrigins::compare(const FlowName& connection, const Address& sender) const noexcept {
  const uint64_t name = hash_of(connection);
  const uint64_t kept = places_[name % kPlaces].load(std::memory_order_relaxed);
  if (((kept ^ name) & kName) != 0) return Origin::forgotten;
  return static_cast<uint32_t>(kept) == tag_of(sender) ? Origin::same : Origin::other;
}

void FlowOrigins::freeze(ImageWriter& image, bool all) noexcept {
  image.fields(key_.k0, key_.k1);
  const size_t at = image.later();
  uint32_t known = 0;
  for (uint32_t group = 0; group < is_new_.size(); ++group) {
    if (!is_new_[group].exchange(false, std::memory_order_acquire) && !all) continue;
    for (uint32_t i = group * kGroup; i < (group + 1) * kGroup; ++i) {
      const uint64_t place = places_[i].load(std::memory_order_relaxed);
      if (place == 0) continue;
      image.fields(i, place);
      ++known;
    }
  }
  image.set(at, known);
}

void FlowOrigins::adopt(ImageReader& image) noexcept {
  image.fields(key_.k0, key_.k1);
  for (uint32_t left = image.count(sizeof(uint32_t) + sizeof(uint64_t)); left > 0; --left) {
    uint32_t i = 0;
    uint64_t place = 0;
    image.fields(i, place);
    image.expect(i < kPlaces, "the origin of a connection is out of range");
    if (image.good()) places_[i].store(place, std::memory_order_relaxed);
  }
}

}  // namespace sluice
