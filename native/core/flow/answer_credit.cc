#include "core/flow/answer_credit.h"

#include <algorithm>

namespace sluice {

// This runs for each datagram, so no SipHash: two multiplications with a secret key. Finding two sources that collide gains little.
AnswerCredit::Place& AnswerCredit::place_of(const Address& source, uint32_t& mark) noexcept {
  const SourceKey of(source);
  const unsigned __int128 product = static_cast<unsigned __int128>(of.high ^ key_.k0 ^ (of.low * 0x9E37'79B9'7F4A'7C15u)) * ((of.low ^ key_.k1) | 1);
  const uint64_t mixed = (static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64)) * 0xD6E8'FEB8'6659'FD93u;
  mark = static_cast<uint32_t>(mixed) | 1;
  return places_[(mixed >> 40) & (kPlaces - 1)];
}

void AnswerCredit::received(const Address& source, size_t octets) noexcept {
  uint32_t mark = 0;
  Place& place = place_of(source, mark);
  Account account = place.load(std::memory_order_relaxed);
  if (account.mark != mark) account = {mark, 0};
  if (account.credit == kProven) return;
  const int32_t more = static_cast<int32_t>(std::min<size_t>(octets * kTimes, kMaxCredit));
  account.credit = std::min(account.credit + more, kMaxCredit);
  place.store(account, std::memory_order_relaxed);
}

void AnswerCredit::heard_us(const Address& source) noexcept {
  uint32_t mark = 0;
  Place& place = place_of(source, mark);
  place.store({mark, kProven}, std::memory_order_relaxed);
}

bool AnswerCredit::may_answer(const Address& source, size_t octets, bool final) noexcept {
  uint32_t mark = 0;
  Place& place = place_of(source, mark);
  Account account = place.load(std::memory_order_relaxed);
  if (account.mark != mark || account.credit == kProven) return true;
  const int32_t left = account.credit - static_cast<int32_t>(std::min<size_t>(octets, kMaxCredit));
  // A provisional response must leave something for the final one.
  if (account.credit <= 0 || (final ? left < -kOverdraft : left <= 0)) return false;
  account.credit = left;
  place.store(account, std::memory_order_relaxed);
  return true;
}

size_t AnswerCredit::room(const Address& source) noexcept {
  uint32_t mark = 0;
  const Account account = place_of(source, mark).load(std::memory_order_relaxed);
  if (account.mark != mark || account.credit == kProven) return SIZE_MAX;
  return account.credit <= 0 ? 0 : static_cast<size_t>(account.credit + kOverdraft);
}

}  // namespace sluice
