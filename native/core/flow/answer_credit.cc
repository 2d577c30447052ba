#include "core/flow/answer_credit.h"

#include <algorithm>

namespace sluice {

// This runs for each datagram, so no SipHash: two multiplications with a secret key. Finding two sources that collide gains little.
AnswerCredit::Name AnswerCredit::name_of(const Address& source) noexcept {
  const SourceKey of(source);
  const unsigned __int128 product = static_cast<unsigned __int128>(of.high ^ key_.k0 ^ (of.low * 0x9E37'79B9'7F4A'7C15u)) * ((of.low ^ key_.k1) | 1);
  const uint64_t mixed = (static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64)) * 0xD6E8'FEB8'6659'FD93u;
  return {lines_[(mixed >> 40) & (kLines - 1)], static_cast<uint32_t>(mixed) | 1, static_cast<uint32_t>(mixed >> 32 & (kLine - 1))};
}

AnswerCredit::Place* AnswerCredit::find(const Name& name) noexcept {
  for (Place& place : name.line.places)
    if (place.load(std::memory_order_relaxed).mark == name.mark) return &place;
  return nullptr;
}

AnswerCredit::Place& AnswerCredit::find_or_make(const Name& name) noexcept {
  if (Place* known = find(name)) return *known;
  Place* chosen = &name.line.places[name.first];
  for (size_t i = 0; i < kLine; ++i) {
    Place& place = name.line.places[(name.first + i) % kLine];
    const Account account = place.load(std::memory_order_relaxed);
    if (account.mark == 0) {
      chosen = &place;
      break;
    }
    if (account.credit != kProven && chosen->load(std::memory_order_relaxed).credit == kProven) chosen = &place;
  }
  chosen->store({name.mark, 0}, std::memory_order_relaxed);
  has_changed(name.line);
  return *chosen;
}

void AnswerCredit::received(const Address& source, size_t octets) noexcept {
  const Name name = name_of(source);
  Place& place = find_or_make(name);
  const uint32_t more = static_cast<uint32_t>(std::min<size_t>(octets * kTimes, kMaxCredit));
  // Another shard may change the account, or give its place to another source.
  Account account = place.load(std::memory_order_relaxed);
  while (account.mark == name.mark && account.credit != kProven) {
    if (!place.compare_exchange_weak(account, {account.mark, std::min(account.credit + more, kMaxCredit)}, std::memory_order_relaxed)) continue;
    return has_changed(name.line);
  }
}

void AnswerCredit::heard_us(const Address& source) noexcept {
  const Name name = name_of(source);
  Place& place = find_or_make(name);
  const Account account = place.load(std::memory_order_relaxed);
  if (account.mark == name.mark && account.credit == kProven) return;
  place.store({name.mark, kProven}, std::memory_order_relaxed);
  has_changed(name.line);
}

bool AnswerCredit::may_send(const Address& source, size_t octets, Kind kind) noexcept {
  const Name name = name_of(source);
  Place* place = find(name);
  if (place == nullptr) {
    if (kind != Kind::question) return false;
    find_or_make(name);
    return true;
  }
  const uint32_t cost = static_cast<uint32_t>(std::min<size_t>(octets, kMaxCredit + 1));
  const uint32_t needed = cost + (kind == Kind::provisional ? kQuestion : 0);
  Account account = place->load(std::memory_order_relaxed);
  do {
    if (account.mark != name.mark || account.credit < needed) return false;
    if (account.credit == kProven) return true;
  } while (!place->compare_exchange_weak(account, {account.mark, account.credit - cost}, std::memory_order_relaxed));
  has_changed(name.line);
  return true;
}

size_t AnswerCredit::room(const Address& source) noexcept {
  const Name name = name_of(source);
  const Place* place = find(name);
  if (place == nullptr) return 0;
  const Account account = place->load(std::memory_order_relaxed);
  return account.credit == kProven ? SIZE_MAX : account.credit;
}

void AnswerCredit::freeze(ImageWriter& image, bool all) noexcept {
  constexpr uint32_t kPlaces = kGroup * kLine;
  const size_t at = image.later();
  uint32_t known = 0;
  for (uint32_t group = 0; group < is_new_.size(); ++group) {
    if (!is_new_[group].exchange(false, std::memory_order_acquire) && !all) continue;
    for (uint32_t i = group * kPlaces; i < (group + 1) * kPlaces; ++i) {
      const Account account = lines_[i / kLine].places[i % kLine].load(std::memory_order_relaxed);
      if (account.mark == 0) continue;
      image.fields(i, account.mark, account.credit);
      ++known;
    }
  }
  image.set(at, known);
}

void AnswerCredit::adopt(ImageReader& image) noexcept {
  for (uint32_t left = image.count(3 * sizeof(uint32_t)); left > 0; --left) {
    uint32_t place = 0;
    Account account;
    image.fields(place, account.mark, account.credit);
    image.expect(place < kLines * kLine, "the account of a UDP source is out of range");
    if (!image.good()) return;
    lines_[place / kLine].places[place % kLine].store(account, std::memory_order_relaxed);
  }
}

}  // namespace sluice
