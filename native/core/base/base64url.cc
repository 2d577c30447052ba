#include "core/base/base64url.h"

#include <array>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace sluice {
namespace {

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<int8_t, 256> make_values() {
  std::array<int8_t, 256> values{};
  for (auto& value : values) value = -1;
  for (int i = 0; i < 64; ++i) values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<int8_t>(i);
  return values;
}

constexpr std::array<int8_t, 256> kValues = make_values();

#if defined(__SSE2__)
// Twelve octets as sixteen characters.
void encode_12(const uint8_t* data, char* out) noexcept {
  // Whoever has SSE2 has the least octet first.
  const auto word = [&](int i) {
    uint32_t octets;
    std::memcpy(&octets, data + i, sizeof octets);
    return __builtin_bswap32(octets);
  };
  const auto group = [&](int i) { return static_cast<int>(word(i) >> 8); };
  const __m128i groups = _mm_setr_epi32(group(0), group(3), group(6), static_cast<int>(word(8) & 0xFFFFFF));
  // The four sixes of a group, each in an octet of its own.
  const __m128i first = _mm_srli_epi32(groups, 18);
  const __m128i second = _mm_and_si128(_mm_srli_epi32(groups, 4), _mm_set1_epi32(0x3F00));
  const __m128i third = _mm_and_si128(_mm_slli_epi32(groups, 10), _mm_set1_epi32(0x3F0000));
  const __m128i fourth = _mm_and_si128(_mm_slli_epi32(groups, 24), _mm_set1_epi32(0x3F000000));
  const __m128i sixes = _mm_or_si128(_mm_or_si128(first, second), _mm_or_si128(third, fourth));
  // From one run of the alphabet to the next, what lies between a value and its character changes.
  const auto step = [&](char above, int by) { return _mm_and_si128(_mm_cmpgt_epi8(sixes, _mm_set1_epi8(above)), _mm_set1_epi8(static_cast<char>(by))); };
  __m128i shift = _mm_add_epi8(_mm_set1_epi8('A'), step(25, 'a' - 26 - 'A'));
  shift = _mm_add_epi8(shift, step(51, '0' - 52 - ('a' - 26)));
  shift = _mm_add_epi8(shift, step(61, '-' - 62 - ('0' - 52)));
  shift = _mm_add_epi8(shift, step(62, '_' - 63 - ('-' - 62)));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_add_epi8(sixes, shift));
}

// Sixteen characters as twelve octets. False: one of them is not in the alphabet.
bool decode_16(const char* text, uint8_t* out) noexcept {
  const __m128i characters = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text));
  __m128i known = _mm_setzero_si128();
  __m128i shift = known;
  const auto run = [&](char first, char last, int value) {
    const __m128i inside = _mm_and_si128(_mm_cmpgt_epi8(characters, _mm_set1_epi8(static_cast<char>(first - 1))), _mm_cmpgt_epi8(_mm_set1_epi8(static_cast<char>(last + 1)), characters));
    known = _mm_or_si128(known, inside);
    shift = _mm_or_si128(shift, _mm_and_si128(inside, _mm_set1_epi8(static_cast<char>(value - first))));
  };
  run('A', 'Z', 0);
  run('a', 'z', 26);
  run('0', '9', 52);
  run('-', '-', 62);
  run('_', '_', 63);
  if (_mm_movemask_epi8(known) != 0xFFFF) return false;
  const __m128i sixes = _mm_add_epi8(characters, shift);
  const __m128i first = _mm_slli_epi32(sixes, 26);
  const __m128i second = _mm_slli_epi32(_mm_and_si128(sixes, _mm_set1_epi32(0x3F00)), 12);
  const __m128i third = _mm_srli_epi32(_mm_and_si128(sixes, _mm_set1_epi32(0x3F0000)), 2);
  const __m128i fourth = _mm_srli_epi32(_mm_and_si128(sixes, _mm_set1_epi32(0x3F000000)), 16);
  uint32_t groups[4];
  _mm_storeu_si128(reinterpret_cast<__m128i*>(groups), _mm_or_si128(_mm_or_si128(first, second), _mm_or_si128(third, fourth)));
  for (int i = 0; i < 4; ++i) {
    const uint32_t octets = __builtin_bswap32(groups[i]);
    std::memcpy(out + 3 * i, &octets, 3);
  }
  return true;
}
#endif

}  // namespace

size_t base64url_encode(const uint8_t* data, size_t size, char* out) noexcept {
  char* at = out;
#if defined(__SSE2__)
  const bool is_long = size >= 12;
  for (; size >= 12; data += 12, size -= 12, at += 16) encode_12(data, at);
  // The last whole groups, together with some of those before.
  if (const size_t left = size - size % 3; left > 0 && is_long) {
    data += left, size -= left, at += left / 3 * 4;
    encode_12(data - 12, at - 16);
  }
#endif
  for (; size >= 3; data += 3, size -= 3) {
    const uint32_t word = uint32_t{data[0]} << 16 | uint32_t{data[1]} << 8 | data[2];
    *at++ = kAlphabet[word >> 18];
    *at++ = kAlphabet[word >> 12 & 63];
    *at++ = kAlphabet[word >> 6 & 63];
    *at++ = kAlphabet[word & 63];
  }
  if (size > 0) {
    const uint32_t word = uint32_t{data[0]} << 16 | (size == 2 ? uint32_t{data[1]} << 8 : 0);
    *at++ = kAlphabet[word >> 18];
    *at++ = kAlphabet[word >> 12 & 63];
    if (size == 2) *at++ = kAlphabet[word >> 6 & 63];
  }
  return static_cast<size_t>(at - out);
}

int base64url_decode(Text text, uint8_t* out, size_t capacity) noexcept {
  const size_t rest = text.size() % 4;
  const size_t size = text.size() / 4 * 3 + (rest == 0 ? 0 : rest - 1);
  if (rest == 1 || size > capacity) return -1;
#if defined(__SSE2__)
  for (; text.size() >= 16; text.remove_prefix(16), out += 12)
    if (!decode_16(text.data(), out)) return -1;
#endif
  const auto* at = reinterpret_cast<const uint8_t*>(text.data());
  int wrong = 0;  // turns negative with the first illegal character
  const auto take = [&] {
    const int value = kValues[*at++];
    wrong |= value;
    return static_cast<uint32_t>(value);
  };
  for (size_t groups = text.size() / 4; groups > 0; --groups) {
    uint32_t word = take() << 18;
    word |= take() << 12;
    word |= take() << 6;
    word |= take();
    *out++ = static_cast<uint8_t>(word >> 16);
    *out++ = static_cast<uint8_t>(word >> 8);
    *out++ = static_cast<uint8_t>(word);
  }
  // Unused bits must be zero, or two texts would mean the same token.
  if (rest != 0) {
    uint32_t word = take() << 12;
    word |= take() << 6;
    *out++ = static_cast<uint8_t>(word >> 10);
    if (rest == 3) {
      word |= take();
      *out = static_cast<uint8_t>(word >> 2);
      if ((word & 3) != 0) return -1;
    } else if ((word & 0x3FF) != 0) {
      return -1;
    }
  }
  return wrong < 0 ? -1 : static_cast<int>(size);
}

bool is_base64url(char c) noexcept { return kValues[static_cast<uint8_t>(c)] >= 0; }

}  // namespace sluice
