// SipHash-2-4 and 1-3 against their definition, and 2-4 against its published vectors.
#include "core/crypto/siphash.h"

#include <cstring>

#include "check.h"

namespace sluice::siphash_test {
namespace {

constexpr SipKey kCountingKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};

uint64_t turn(uint64_t word, int by) { return word << by | word >> (64 - by); }

// The definition: the message padded to whole words, so many rounds for each word and at the end.
uint64_t defined(const SipKey& key, const std::string& message, int rounds = 2, int last_rounds = 4) {
  uint64_t v[4];
  std::memcpy(v, "uespemosmodnarodarenegylsetybdet", 32);
  for (int i = 0; i < 4; ++i) v[i] ^= i % 2 == 0 ? key.k0 : key.k1;
  const auto round = [&] {
    v[0] += v[1], v[2] += v[3];
    v[1] = turn(v[1], 13), v[3] = turn(v[3], 16);
    v[1] ^= v[0], v[3] ^= v[2];
    v[0] = turn(v[0], 32);
    v[2] += v[1], v[0] += v[3];
    v[1] = turn(v[1], 17), v[3] = turn(v[3], 21);
    v[1] ^= v[2], v[3] ^= v[0];
    v[2] = turn(v[2], 32);
  };
  std::string padded = message;
  while (padded.size() % 8 != 7) padded += '\0';
  padded += static_cast<char>(message.size());
  for (size_t at = 0; at < padded.size(); at += 8) {
    uint64_t word = 0;
    for (size_t i = 8; i-- > 0;) word = word << 8 | static_cast<uint8_t>(padded[at + i]);
    v[3] ^= word;
    for (int i = 0; i < rounds; ++i) round();
    v[0] ^= word;
  }
  v[2] ^= 0xFF;
  for (int i = 0; i < last_rounds; ++i) round();
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

std::string counting(size_t size) {
  std::string text;
  for (size_t i = 0; i < size; ++i) text += static_cast<char>(i * 7 % 256);
  return text;
}

}  // namespace

TEST("SipHash: the published vectors for the key 00..0f") {
  uint8_t message[15];
  for (uint8_t i = 0; i < 15; ++i) message[i] = i;
  CHECK(siphash(kCountingKey, message, 0) == 0x726fdb47dd0e0e31);
  CHECK(siphash(kCountingKey, message, 15) == 0xa129ca6149be45e5);
}

TEST("SipHash: every length up to 300 octets matches the definition") {
  const SipKey key{0x0123456789abcdef, 0xfedcba9876543210};
  for (size_t size = 0; size <= 300; ++size) {
    const std::string message = counting(size);
    CHECK(siphash(key, message.data(), message.size()) == defined(key, message));
    CHECK(table_hash(key, message.data(), message.size()) == defined(key, message, 1, 3));
  }
}

TEST("SipHash: pieces of any size hash like the whole") {
  const std::string message = counting(61);
  const uint64_t whole = siphash(kCountingKey, message.data(), message.size());
  for (size_t first = 0; first <= message.size(); ++first) {
    for (size_t second = first; second <= message.size(); ++second) {
      SipHasher hasher(kCountingKey);
      hasher.add(message.data(), first);
      hasher.add(message.data() + first, second - first);
      hasher.add(message.data() + second, message.size() - second);
      CHECK(hasher.finish() == whole);
    }
  }
}

TEST("SipHash: every bit of key and message matters") {
  const std::string message = counting(24);
  const uint64_t whole = siphash(kCountingKey, message.data(), message.size());
  for (int bit = 0; bit < 64; ++bit) {
    CHECK(siphash({kCountingKey.k0 ^ uint64_t{1} << bit, kCountingKey.k1}, message.data(), message.size()) != whole);
    CHECK(siphash({kCountingKey.k0, kCountingKey.k1 ^ uint64_t{1} << bit}, message.data(), message.size()) != whole);
  }
  for (size_t bit = 0; bit < 8 * message.size(); ++bit) {
    std::string other = message;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ 1 << bit % 8);
    CHECK(siphash(kCountingKey, other.data(), other.size()) != whole);
  }
}

}  // namespace sluice::siphash_test
