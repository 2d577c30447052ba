#include "core/crypto/md5.h"

#include <bit>
#include <cstring>

namespace sluice {
namespace {

constexpr size_t kMd5Block = 64;

// The whole part of 2^32 times |sin(n + 1)|.
constexpr uint32_t kSines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122,
    0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6,
    0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60,
    0xbebfbc70, 0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039,
    0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
constexpr int kTurns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
constexpr uint32_t kWordTimes[4] = {1, 5, 3, 7}, kWordPlus[4] = {0, 1, 5, 0};

constexpr uint32_t mix(uint32_t round, uint32_t b, uint32_t c, uint32_t d) noexcept {
  // In the first two, which bits come from where is decided by disjoint masks: `+` lets one half be computed before b is known.
  switch (round) {
    case 0: return (b & c) + (~b & d);
    case 1: return (c & ~d) + (d & b);
    case 2: return b ^ c ^ d;
    default: return c ^ (b | ~d);
  }
}

void compress(uint32_t (&state)[4], const uint8_t* block) noexcept {
  uint32_t words[16];
  for (size_t i = 0; i < 16; ++i)
    words[i] = uint32_t{block[4 * i]} | uint32_t{block[4 * i + 1]} << 8 | uint32_t{block[4 * i + 2]} << 16 | uint32_t{block[4 * i + 3]} << 24;
  auto [a, b, c, d] = state;
#pragma GCC unroll 4
  for (uint32_t round = 0; round < 4; ++round) {
#pragma GCC unroll 16
    for (uint32_t i = 0; i < 16; ++i) {
      const uint32_t word = (kWordTimes[round] * i + kWordPlus[round]) % 16;
      const uint32_t turned = std::rotl(a + kSines[16 * round + i] + words[word] + mix(round, b, c, d), kTurns[round][i % 4]);
      a = d, d = c, c = b, b += turned;
    }
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d;
}

}  // namespace

void md5(const void* data, size_t size, uint8_t out[kMd5Size]) noexcept {
  uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  const auto* octets = static_cast<const uint8_t*>(data);
  size_t left = size;
  for (; left >= kMd5Block; octets += kMd5Block, left -= kMd5Block) compress(state, octets);
  uint8_t tail[2 * kMd5Block] = {};
  if (left > 0) std::memcpy(tail, octets, left);
  tail[left] = 0x80;
  const size_t end = left + 9 <= kMd5Block ? kMd5Block : 2 * kMd5Block;
  for (size_t i = 0; i < 8; ++i) tail[end - 8 + i] = static_cast<uint8_t>(uint64_t{size} * 8 >> (8 * i));
  for (size_t at = 0; at < end; at += kMd5Block) compress(state, tail + at);
  for (size_t i = 0; i < kMd5Size; ++i) out[i] = static_cast<uint8_t>(state[i / 4] >> (8 * (i % 4)));
}

}  // namespace sluice
