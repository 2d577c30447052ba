// Which octets the grammar allows where (RFC 3261 25.1), as a table of bits.
#pragma once

#include <array>
#include <bit>

#include "core/base/bytes.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace sluice {

enum CharClass : uint8_t {
  kChar_token = 1,      // token
  kChar_user = 2,       // user part of a SIP URI, apart from escapes
  kChar_password = 4,   // password of a SIP URI, apart from escapes
  kChar_uri_param = 8,  // paramchar, apart from escapes
  kChar_uri_header = 16,  // hname, hvalue, '=' and '&', apart from escapes
  kChar_host = 32,      // hostname and IPv4address; '_' is illegal but common
  kChar_word = 64,      // word, the parts of a Call-ID
  kChar_value = 128,    // unquoted value of a header parameter: token or host, an IPv6 address with or without brackets
};

namespace char_class_detail {

constexpr void add(std::array<uint8_t, 256>& table, Text chars, uint8_t bits) {
  for (char c : chars) table[static_cast<uint8_t>(c)] |= bits;
}

constexpr std::array<uint8_t, 256> make_table() {
  std::array<uint8_t, 256> table{};
  add(table, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 255);
  add(table, "-.!%*_+`'~", kChar_token | kChar_value);
  add(table, "[]:", kChar_value);
  constexpr Text mark = "-_.!~*'()";
  // The grammar wants '#' escaped, but many phones send service codes such as #31# unescaped.
  add(table, mark, kChar_user | kChar_password | kChar_uri_param | kChar_uri_header);
  add(table, "&=+$,;?/#", kChar_user);
  add(table, "&=+$,", kChar_password);
  add(table, "[]/:&+$", kChar_uri_param);
  add(table, "[]/?:+$=&", kChar_uri_header);
  add(table, "-._", kChar_host);
  add(table, "-.!%*_+`'~()<>:\\\"/[]?{}", kChar_word);
  return table;
}

}  // namespace char_class_detail

inline constexpr std::array<uint8_t, 256> kCharClass = char_class_detail::make_table();

inline bool is_class(char c, CharClass bits) noexcept { return (kCharClass[static_cast<uint8_t>(c)] & bits) != 0; }

#if defined(__SSE2__)
// Bit i is set when p[i] is a letter, a digit, '-', '.' or '_', which belong to every class above.
inline uint32_t plain_of_16(const char* p) noexcept {
  const __m128i octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const auto at_most = [](__m128i value, char most) { return _mm_cmpeq_epi8(_mm_min_epu8(value, _mm_set1_epi8(most)), value); };
  const __m128i letter = at_most(_mm_sub_epi8(_mm_or_si128(octets, _mm_set1_epi8(0x20)), _mm_set1_epi8('a')), 25);
  const __m128i from_hyphen_to_nine = at_most(_mm_sub_epi8(octets, _mm_set1_epi8('-')), '9' - '-');
  const __m128i slash = _mm_cmpeq_epi8(octets, _mm_set1_epi8('/'));
  const __m128i underscore = _mm_cmpeq_epi8(octets, _mm_set1_epi8('_'));
  const __m128i plain = _mm_or_si128(_mm_or_si128(letter, underscore), _mm_andnot_si128(slash, from_hyphen_to_nine));
  return static_cast<uint32_t>(_mm_movemask_epi8(plain));
}
#endif

// NUL to US, and DEL; callers that allow HT or a fold check for those first.
inline bool is_control(char c) noexcept { return static_cast<uint8_t>(c) < 0x20 || c == 0x7F; }

inline bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

inline bool is_alpha(char c) noexcept { return lower(c) >= 'a' && lower(c) <= 'z'; }

inline bool is_hex(char c) noexcept { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f'); }

// Finds where a run of characters ends by looking at them. A HeadMap does the same for a head that it has mapped; the readers of the
// grammar take either.
struct CharRuns {
  // The end of a run of letters, digits, '-', '.' and '_'.
  const char* plain(const char* p, const char* end) const noexcept { return skip(p, end, kChar_host); }

  const char* plain_or_beyond(const char* p, const char* end) const noexcept { return plain(p, end); }

  const char* skip(const char* p, const char* end, CharClass bits) const noexcept {
#if defined(__SSE2__)
    while (end - p >= 16) {
      const int plain = std::countr_one(plain_of_16(p));
      p += plain;
      if (plain == 16) continue;
      if (!is_class(*p, bits)) return p;
      ++p;
    }
#endif
    while (p < end && is_class(*p, bits)) ++p;
    return p;
  }
};

inline bool all_of_class(Text text, CharClass bits) noexcept {
  const char* end = text.data() + text.size();
  return CharRuns().skip(text.data(), end, bits) == end;
}

inline bool is_token(Text text) noexcept { return !text.empty() && all_of_class(text, kChar_token); }

}  // namespace sluice
