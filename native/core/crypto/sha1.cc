#include "core/crypto/sha1.h"

#include <bit>
#include <cstring>

namespace sluice {
namespace {

struct State {
  uint32_t word[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};

  void add_block(const uint8_t* block) noexcept {
    uint32_t w[80];
    for (int i = 0; i < 16; ++i) w[i] = uint32_t{block[4 * i]} << 24 | uint32_t{block[4 * i + 1]} << 16 | uint32_t{block[4 * i + 2]} << 8 | block[4 * i + 3];
    for (int i = 16; i < 80; ++i) w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    uint32_t a = word[0], b = word[1], c = word[2], d = word[3], e = word[4];
    for (int i = 0; i < 80; ++i) {
      const uint32_t f = i < 20 ? (b & c) | (~b & d) : i < 40 ? b ^ c ^ d : i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
      const uint32_t k = i < 20 ? 0x5a827999 : i < 40 ? 0x6ed9eba1 : i < 60 ? 0x8f1bbcdc : 0xca62c1d6;
      const uint32_t next = std::rotl(a, 5) + f + e + k + w[i];
      e = d;
      d = c;
      c = std::rotl(b, 30);
      b = a;
      a = next;
    }
    const uint32_t sums[5] = {a, b, c, d, e};
    for (int i = 0; i < 5; ++i) word[i] += sums[i];
  }
};

}  // namespace

std::array<uint8_t, 20> sha1(Text data) noexcept {
  State state;
  const uint64_t bits = uint64_t{data.size()} * 8;
  for (; data.size() >= 64; data.remove_prefix(64)) state.add_block(reinterpret_cast<const uint8_t*>(data.data()));
  uint8_t tail[128] = {};
  if (!data.empty()) std::memcpy(tail, data.data(), data.size());
  tail[data.size()] = 0x80;
  const size_t size = data.size() < 56 ? 64 : 128;
  for (size_t i = 0; i < 8; ++i) tail[size - 1 - i] = static_cast<uint8_t>(bits >> 8 * i);
  for (size_t at = 0; at < size; at += 64) state.add_block(tail + at);
  std::array<uint8_t, 20> digest;
  for (size_t i = 0; i < 20; ++i) digest[i] = static_cast<uint8_t>(state.word[i / 4] >> (24 - 8 * (i % 4)));
  return digest;
}

}  // namespace sluice
