#include "core/crypto/siphash.h"

#include <bit>
#include <cstring>
#include <random>

namespace sluice {

template <int kRounds, int kLastRounds>
BasicSipHasher<kRounds, kLastRounds>::BasicSipHasher(const SipKey& key) noexcept
    : v0_(key.k0 ^ 0x736f6d6570736575ull),
      v1_(key.k1 ^ 0x646f72616e646f6dull),
      v2_(key.k0 ^ 0x6c7967656e657261ull),
      v3_(key.k1 ^ 0x7465646279746573ull) {}

static inline void sip_round(uint64_t& v0, uint64_t& v1, uint64_t& v2, uint64_t& v3) noexcept {
  v0 += v1;
  v1 = std::rotl(v1, 13) ^ v0;
  v0 = std::rotl(v0, 32);
  v2 += v3;
  v3 = std::rotl(v3, 16) ^ v2;
  v0 += v3;
  v3 = std::rotl(v3, 21) ^ v0;
  v2 += v1;
  v1 = std::rotl(v1, 17) ^ v2;
  v2 = std::rotl(v2, 32);
}

template <int kRounds>
[[gnu::always_inline]] static inline void compress(uint64_t& v0, uint64_t& v1, uint64_t& v2, uint64_t& v3, uint64_t word) noexcept {
  v3 ^= word;
  for (int i = 0; i < kRounds; ++i) sip_round(v0, v1, v2, v3);
  v0 ^= word;
}

// Fewer than eight octets as a little-endian number.
static inline uint64_t last_octets(const uint8_t* octets, size_t size) noexcept {
  uint64_t value = 0;
  if constexpr (std::endian::native == std::endian::little) {
    // Two loads that may overlap.
    if (size >= 4) {
      uint32_t low, high;
      std::memcpy(&low, octets, 4);
      std::memcpy(&high, octets + size - 4, 4);
      return low | uint64_t{high} << (8 * (size - 4));
    }
  }
  for (size_t i = 0; i < size; ++i) value |= uint64_t{octets[i]} << (8 * i);
  return value;
}

template <int kRounds, int kLastRounds>
void BasicSipHasher<kRounds, kLastRounds>::add(const void* data, size_t size) noexcept {
  const auto* octets = static_cast<const uint8_t*>(data);
  const unsigned held = 8 * (total_ & 7);
  total_ += size;
  // In registers meanwhile.
  uint64_t v0 = v0_, v1 = v1_, v2 = v2_, v3 = v3_, tail = tail_;
  // A piece may begin anywhere in a word, so each word is joined from octets held over and new ones.
  const auto take = [&](uint64_t word) {
    compress<kRounds>(v0, v1, v2, v3, tail | word << held);
    tail = held == 0 ? 0 : word >> (64 - held);
  };
  const auto next_word = [&] {
    uint64_t word;
    std::memcpy(&word, octets, 8);
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    octets += 8;
    size -= 8;
    return word;
  };
  if (held == 0) {
    while (size >= 8) compress<kRounds>(v0, v1, v2, v3, next_word());
  } else {
    while (size >= 8) take(next_word());
  }
  if (size > 0) {
    const uint64_t rest = last_octets(octets, size);
    if (held + 8 * size >= 64) take(rest);
    else tail |= rest << held;
  }
  v0_ = v0, v1_ = v1, v2_ = v2, v3_ = v3, tail_ = tail;
}

template <int kRounds, int kLastRounds>
uint64_t BasicSipHasher<kRounds, kLastRounds>::finish() noexcept {
  compress<kRounds>(v0_, v1_, v2_, v3_, tail_ | total_ << 56);
  v2_ ^= 0xFF;
  for (int i = 0; i < kLastRounds; ++i) sip_round(v0_, v1_, v2_, v3_);
  return v0_ ^ v1_ ^ v2_ ^ v3_;
}

template class BasicSipHasher<2, 4>;
template class BasicSipHasher<1, 3>;

[[gnu::flatten]] uint64_t siphash(const SipKey& key, const void* data, size_t size) noexcept {
  SipHasher hasher(key);
  hasher.add(data, size);
  return hasher.finish();
}

uint64_t table_hash(const SipKey& key, const void* data, size_t size) noexcept {
  TableHasher hasher(key);
  hasher.add(data, size);
  return hasher.finish();
}

SipKey derive(const SipKey& secret, std::string_view purpose) noexcept {
  const auto half = [&](char which) {
    SipHasher hash(secret);
    hash.add(&which, 1);
    hash.add(purpose.data(), purpose.size());
    return hash.finish();
  };
  return SipKey{half(0), half(1)};
}

SipKey random_sip_key() {
  std::random_device random;
  const auto half = [&] { return uint64_t{random()} << 32 | random(); };
  return SipKey{half(), half()};
}

}  // namespace sluice
