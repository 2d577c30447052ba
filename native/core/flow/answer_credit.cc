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
  return *chosen;
}

void AnswerCredit::received(const Address& source, size_t octets) noexcept {
  Place& place = find_or_make(name_of(source));
  Account account = place.load(std::memory_order_relaxed);
  if (account.credit == kProven) return;
  const int32_t more = static_cast<int32_t>(std::min<size_t>(octets * kTimes, kMaxCredit));
  account.credit = std::min(account.credit + more, kMaxCredit);
  place.store(account, std::memory_order_relaxed);
}

void AnswerCredit::heard_us(const Address& source) noexcept {
  const Name name = name_of(source);
  find_or_make(name).store({name.mark, kProven}, std::memory_order_relaxed);
}

bool AnswerCredit::may_send(const Address& source, size_t octets, Kind kind) noexcept {
  Place* place = find(name_of(source));
  if (place == nullptr) return true;
  Account account = place->load(std::memory_order_relaxed);
  if (account.credit == kProven) return true;
  const int32_t left = account.credit - static_cast<int32_t>(std::min<size_t>(octets, kMaxCredit));
  const bool has_some = account.credit > 0;
  // Nothing else may take the last of it, which lets the final response through.
  const bool fits = kind == Kind::final ? has_some && left >= -kOverdraft : kind == Kind::question && !has_some ? left >= -kOverdraft : left > 0;
  if (!fits) return false;
  account.credit = left;
  place->store(account, std::memory_order_relaxed);
  return true;
}

size_t AnswerCredit::room(const Address& source) noexcept {
  const Place* place = find(name_of(source));
  if (place == nullptr) return SIZE_MAX;
  const Account account = place->load(std::memory_order_relaxed);
  if (account.credit == kProven) return SIZE_MAX;
  return account.credit <= 0 ? 0 : static_cast<size_t>(account.credit + kOverdraft);
}

}  // namespace sluice
