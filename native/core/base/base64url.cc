#include "core/base/base64url.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
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

#if defined(__x86_64__)

bool find_avx() noexcept {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx");
}

// With it comes the instruction that looks sixteen octets up in a table of sixteen (SSSE3).
const bool kHasAvx = find_avx();

constexpr size_t kGroupsOctets = 12, kGroupsText = 16;  // four groups of three octets or four characters

struct alignas(16) Row {
  int8_t of[16];
};

[[gnu::target("avx")]] __m128i row(const Row& table) noexcept { return _mm_load_si128(reinterpret_cast<const __m128i*>(table.of)); }

// What lies between a value and its character, by the run of the alphabet that it belongs to: upper case 13, lower case 0, the digits 1 to 10,
// '-' 11, '_' 12.
constexpr Row kToText = {{'a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '-' - 62, '_' - 63, 'A', 0, 0}};

// Twelve octets as sixteen characters.
[[gnu::target("avx")]] void encode_groups(const uint8_t* data, char* out) noexcept {
  uint32_t last;
  std::memcpy(&last, data + 8, sizeof last);
  const __m128i octets = _mm_insert_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(data)), static_cast<int>(last), 2);
  // The octets 0 1 2 of a group become 1 0 2 1, so that each of its sixes lies within a word of 16 bits.
  const __m128i words = _mm_shuffle_epi8(octets, _mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10));
  // Shifted to the right by 10 and 6, as the upper half of a product, and to the left by 4 and 8.
  const __m128i even = _mm_mulhi_epu16(_mm_and_si128(words, _mm_set1_epi32(0x0FC0FC00)), _mm_set1_epi32(0x04000040));
  const __m128i odd = _mm_mullo_epi16(_mm_and_si128(words, _mm_set1_epi32(0x003F03F0)), _mm_set1_epi32(0x01000010));
  const __m128i sixes = _mm_or_si128(even, odd);
  const __m128i is_upper = _mm_cmpgt_epi8(_mm_set1_epi8(26), sixes);
  const __m128i run = _mm_or_si128(_mm_subs_epu8(sixes, _mm_set1_epi8(51)), _mm_and_si128(is_upper, _mm_set1_epi8(13)));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_add_epi8(sixes, _mm_shuffle_epi8(row(kToText), run)));
}

// An octet is of the alphabet if both its halves have a bit in common: '-', the digits, the first and the second half of the letters, '_'.
struct HalfRows {
  Row low{}, high{};
};

constexpr HalfRows make_half_rows() {
  HalfRows rows;
  const auto add = [&](int bit, int high, int first, int last) {
    rows.high.of[high] = static_cast<int8_t>(rows.high.of[high] | 1 << bit);
    for (int low = first; low <= last; ++low) rows.low.of[low] = static_cast<int8_t>(rows.low.of[low] | 1 << bit);
  };
  add(0, 2, 0xD, 0xD);
  add(1, 3, 0x0, 0x9);
  for (const int letters : {4, 6}) add(2, letters, 0x1, 0xF);
  for (const int letters : {5, 7}) add(3, letters, 0x0, 0xA);
  add(4, 5, 0xF, 0xF);
  return rows;
}

constexpr HalfRows kHalfRows = make_half_rows();

// What lies between a character and its value, by the upper half of the character; '_' has 33 more than its row.
constexpr Row kToValue = {{0, 0, 62 - '-', 52 - '0', -'A', -'A', 26 - 'a', 26 - 'a', 0, 0, 0, 0, 0, 0, 0, 0}};
constexpr int8_t kUnderscoreMore = 63 - ('_' - 'A');

// Sixteen characters as twelve octets. `wrong`: gets a bit for each place where one is not in the alphabet.
[[gnu::target("avx")]] void decode_groups(const char* text, uint8_t* out, __m128i& wrong) noexcept {
  const __m128i characters = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text));
  const __m128i upper = _mm_and_si128(_mm_srli_epi16(characters, 4), _mm_set1_epi8(0x0F));
  // An octet from 0x80 on finds nothing in `low`.
  const __m128i known = _mm_and_si128(_mm_shuffle_epi8(row(kHalfRows.low), characters), _mm_shuffle_epi8(row(kHalfRows.high), upper));
  wrong = _mm_or_si128(wrong, _mm_cmpeq_epi8(known, _mm_setzero_si128()));
  const __m128i more = _mm_and_si128(_mm_cmpeq_epi8(characters, _mm_set1_epi8('_')), _mm_set1_epi8(kUnderscoreMore));
  const __m128i sixes = _mm_add_epi8(_mm_add_epi8(characters, _mm_shuffle_epi8(row(kToValue), upper)), more);
  // Two sixes make a twelve, and two of those a group of 24 bits.
  const __m128i twelves = _mm_maddubs_epi16(sixes, _mm_set1_epi32(0x01400140));
  const __m128i groups = _mm_madd_epi16(twelves, _mm_set1_epi32(0x00011000));
  const __m128i octets = _mm_shuffle_epi8(groups, _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1));
  const int last = _mm_extract_epi32(octets, 2);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(out), octets);
  std::memcpy(out + 8, &last, sizeof last);
}

// `size`: of whole groups, at least four. The last ones may be written twice, together with some of those before.
[[gnu::target("avx")]] void encode_whole(const uint8_t* data, size_t size, char* out) noexcept {
  for (; size >= kGroupsOctets; data += kGroupsOctets, size -= kGroupsOctets, out += kGroupsText) encode_groups(data, out);
  if (size > 0) encode_groups(data + size - kGroupsOctets, out + size / 3 * 4 - kGroupsText);
}

// The same. False: a character is not in the alphabet.
[[gnu::target("avx")]] bool decode_whole(const char* text, size_t size, uint8_t* out) noexcept {
  __m128i wrong = _mm_setzero_si128();
  for (; size >= kGroupsText; text += kGroupsText, size -= kGroupsText, out += kGroupsOctets) decode_groups(text, out, wrong);
  if (size > 0) decode_groups(text + size - kGroupsText, out + size / 4 * 3 - kGroupsOctets, wrong);
  return _mm_testz_si128(wrong, wrong) != 0;
}

#endif

// Of a text of `size` characters; SIZE_MAX: no text has that length.
constexpr size_t octets_of(size_t size) noexcept {
  const size_t rest = size % 4;
  return rest == 1 ? SIZE_MAX : size / 4 * 3 + (rest == 0 ? 0 : rest - 1);
}

}  // namespace

size_t base64url_encode_portably(const uint8_t* data, size_t size, char* out) noexcept {
  char* at = out;
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

size_t base64url_encode(const uint8_t* data, size_t size, char* out) noexcept {
  size_t written = 0;
#if defined(__x86_64__)
  if (size >= kGroupsOctets && kHasAvx) {
    const size_t whole = size - size % 3;
    encode_whole(data, whole, out);
    data += whole, size -= whole, written = whole / 3 * 4;
  }
#endif
  return written + base64url_encode_portably(data, size, out + written);
}

int base64url_decode_portably(Text text, uint8_t* out, size_t capacity) noexcept {
  const size_t rest = text.size() % 4, size = octets_of(text.size());
  if (size > capacity) return -1;
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

int base64url_decode(Text text, uint8_t* out, size_t capacity) noexcept {
#if defined(__x86_64__)
  if (text.size() >= kGroupsText && kHasAvx) {
    if (octets_of(text.size()) > capacity) return -1;
    const size_t whole = text.size() - text.size() % 4, octets = whole / 4 * 3;
    if (!decode_whole(text.data(), whole, out)) return -1;
    const int rest = base64url_decode_portably(text.substr(whole), out + octets, capacity - octets);
    return rest < 0 ? -1 : static_cast<int>(octets) + rest;
  }
#endif
  return base64url_decode_portably(text, out, capacity);
}

bool is_base64url(char c) noexcept { return kValues[static_cast<uint8_t>(c)] >= 0; }

}  // namespace sluice
