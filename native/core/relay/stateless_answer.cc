#include "core/relay/stateless_answer.h"

namespace sluice {

// `transaction`: only the 48 bits that our Via branch carries, so that the tag can also be computed from the branch.
Text StatelessAnswers::tag(const EdgeConfig& config, uint64_t transaction, const Address* to, char* out) noexcept {
  SipHasher hash(config.branch_keys.answer);
  hash.add(&transaction, sizeof transaction);
  if (to != nullptr) {
    const SourceKey source(*to);
    hash.add(&source, sizeof source);
  }
  uint64_t bits = hash.finish();
  std::memcpy(out, "sl-", 3);
  for (size_t digit = 3; digit < kTag; ++digit, bits >>= 4) out[digit] = "0123456789abcdef"[bits & 15];
  return Text(out, kTag);
}

void StatelessAnswers::remember(uint64_t transaction, uint32_t now, uint32_t ends) noexcept {
  if (places_ == nullptr) {
    places_.reset(new (std::nothrow) std::array<Place, kPlaces>());
    if (places_ == nullptr) return;
    last_end_ = now;
  }
  (*places_)[transaction % kPlaces] = {transaction, ends};
  if (is_before(last_end_, ends)) last_end_ = ends;
}

bool StatelessAnswers::holds(uint64_t transaction, uint32_t now) const noexcept {
  const Place& place = (*places_)[transaction % kPlaces];
  return place.transaction == transaction && is_before(now, place.ends);
}

void StatelessAnswers::freeze(ImageWriter& image) const noexcept {
  const size_t at = image.later();
  uint32_t known = 0;
  for (size_t i = 0; places_ != nullptr && i < kPlaces; ++i) {
    const Place& place = (*places_)[i];
    if (place.ends == 0) continue;
    image.fields(place.transaction, place.ends);
    ++known;
  }
  image.set(at, known);
}

void StatelessAnswers::adopt(ImageReader& image) noexcept {
  for (uint32_t left = image.count(sizeof(uint64_t) + sizeof(uint32_t)); left > 0; --left) {
    Place place;
    image.fields(place.transaction, place.ends);
    remember(place.transaction, place.ends, place.ends);
  }
}

uint8_t transaction_owner(const EdgeConfig& config, const Via& top, const Address& sender) noexcept {
  SipHasher hash(config.table_key);
  const uint32_t numbers[] = {static_cast<uint32_t>(top.branch.size()), top.port};
  hash.add(numbers, sizeof numbers);
  hash.add(top.branch.data(), top.branch.size());
  hash.add(top.host.data(), top.host.size());
  hash.add(sender.ip, sizeof sender.ip);
  return static_cast<uint8_t>(hash.finish() % config.shards);
}

}  // namespace sluice
