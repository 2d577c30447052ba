#include "core/home/ha1_cache.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "core/sip/char_class.h"

namespace sluice {
namespace {

// The text up to the end of the line, which is taken from `lines`.
Text take_line(Text& lines) noexcept {
  const Text line = lines.substr(0, lines.find('\n'));
  lines.remove_prefix(std::min(lines.size(), line.size() + 1));
  return line;
}

constexpr size_t kWipedAtOnce = 256 << 10;  // octets

uint8_t value_of(char digit) noexcept { return static_cast<uint8_t>(is_digit(digit) ? digit - '0' : lower(digit) - 'a' + 10); }

}  // namespace

size_t Ha1Cache::sets_for(size_t count) noexcept { return std::bit_ceil((std::clamp<size_t>(count, 1, kMost / 2) * 2 + kWays - 1) / kWays); }

bool Ha1Cache::start_over(size_t count) noexcept {
  while (wipe()) continue;
  old_ = std::move(sets_);
  old_count_ = old_ == nullptr ? 0 : count_;
  count_ = sets_for(count);
  return count <= kMost / 2;
}

bool Ha1Cache::wipe() noexcept {
  const size_t some = std::min(old_count_, kWipedAtOnce / sizeof(Set));
  old_count_ -= some;
  if (some > 0) explicit_bzero(static_cast<void*>(old_.get() + old_count_), some * sizeof(Set));
  if (old_count_ == 0) old_.reset();
  return old_count_ > 0;
}

const uint8_t* Ha1Cache::find(uint64_t name, uint32_t tick) const noexcept {
  if (sets_ == nullptr) return nullptr;
  const Set& set = sets_[place_of(name)];
  const uint64_t* const place = std::find(set.names, set.names + kWays, name);
  if (place == set.names + kWays) return nullptr;
  const uint32_t until = set.until[place - set.names];
  return until == 0 || static_cast<int32_t>(until - tick) > 0 ? set.ha1s[place - set.names] : nullptr;
}

bool Ha1Cache::learn(Text user, Text realm, DigestAlgorithm algorithm, const uint8_t* ha1, uint32_t until) noexcept {
  if (sets_ == nullptr) {
    sets_ = zeroed<Set>(count_);
    prefer_large_pages(sets_.get(), count_ * sizeof(Set));
  }
  const uint64_t name = name_of(user, realm, algorithm);
  Set& set = sets_[place_of(name)];
  uint64_t* place = std::find(set.names, set.names + kWays, name);
  if (place == set.names + kWays) place = std::find(set.names, set.names + kWays, uint64_t{0});
  const bool is_full = place == set.names + kWays;
  // Any of them: the upper bits of a name are as good as random.
  if (is_full) place = set.names + (name >> 32) % kWays;
  *place = name;
  set.until[place - set.names] = until;
  std::memcpy(set.ha1s[place - set.names], ha1, digest_size(algorithm));
  return is_full;
}

size_t Ha1Cache::learn_lines(Text lines, uint32_t until) noexcept {
  size_t replaced = 0;
  while (!lines.empty()) {
    const Text user = take_line(lines), realm = take_line(lines), digits = take_line(lines);
    if (digits.empty()) {
      for (const DigestAlgorithm algorithm : {DigestAlgorithm::md5, DigestAlgorithm::sha256}) forget(user, realm, algorithm);
      continue;
    }
    const DigestAlgorithm algorithm = digits.size() == 2 * digest_size(DigestAlgorithm::md5) ? DigestAlgorithm::md5 : DigestAlgorithm::sha256;
    if (digits.size() != 2 * digest_size(algorithm) || !std::all_of(digits.begin(), digits.end(), is_hex)) continue;
    uint8_t ha1[kMaxDigest];
    for (size_t i = 0; i < digits.size() / 2; ++i) ha1[i] = static_cast<uint8_t>(value_of(digits[2 * i]) << 4 | value_of(digits[2 * i + 1]));
    replaced += learn(user, realm, algorithm, ha1, until);
  }
  return replaced;
}

void Ha1Cache::forget() noexcept {
  start_over(0);
  while (wipe()) continue;
}

void Ha1Cache::forget(Text user, Text realm, DigestAlgorithm algorithm) noexcept {
  if (sets_ == nullptr) return;
  const uint64_t name = name_of(user, realm, algorithm);
  Set& set = sets_[place_of(name)];
  uint64_t* const place = std::find(set.names, set.names + kWays, name);
  if (place == set.names + kWays) return;
  *place = 0;
  explicit_bzero(set.ha1s[place - set.names], kMaxDigest);
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
