// The small pieces that all header values are made of: blanks, quoted strings, parameters (RFC 3261 25.1). Each reader takes a position
// and the end; it returns the position after what it read, or nullptr if it finds something else.
#pragma once

#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "core/sip/char_class.h"

namespace sluice {

// As `= Text()`, but one store and not two for each.
template <typename... Parts>
void clear(Parts&... parts) noexcept {
  (std::memset(static_cast<void*>(&parts), 0, sizeof(Text)), ...);
}

inline Text between(const char* from, const char* to) noexcept { return Text(from, static_cast<size_t>(to - from)); }

// LWS, any amount: blanks, and line ends followed by a blank. A line end without a blank after it is never LWS, so accepted text
// cannot contain the end of a header line.
[[gnu::cold, gnu::noinline]] inline const char* skip_blanks(const char* p, const char* end) noexcept {
  while (p < end) {
    if (is_blank(*p)) {
      ++p;
    } else if (*p == '\r' && end - p > 2 && p[1] == '\n' && is_blank(p[2])) {
      p += 3;
    } else {
      break;
    }
  }
  return p;
}

// Most of the time there is none, or one blank.
[[gnu::always_inline]] inline const char* skip_lws(const char* p, const char* end) noexcept {
  if (p == end || static_cast<uint8_t>(*p) > ' ') return p;
  return *p == ' ' && end - p > 1 && static_cast<uint8_t>(p[1]) > ' ' ? p + 1 : skip_blanks(p, end);
}

// Strips LWS from the end, but not beyond `begin`.
inline const char* trim_lws(const char* begin, const char* end) noexcept {
  while (end > begin && is_blank(end[-1])) {
    --end;
    if (end - begin >= 2 && end[-1] == '\n' && end[-2] == '\r') end -= 2;
  }
  return end;
}

#if defined(__SSE2__)
// Bit i is set when p[i] ends the plain text of a quoted string: a quote, a backslash or a control octet.
inline uint32_t quoted_marks_of_16(const char* p) noexcept {
  const __m128i octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(octets, _mm_set1_epi8(0x1F)), octets);
  const __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(octets, _mm_set1_epi8('"')), _mm_cmpeq_epi8(octets, _mm_set1_epi8('\\')));
  return static_cast<uint32_t>(_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(low, marks), _mm_cmpeq_epi8(octets, _mm_set1_epi8(0x7F)))));
}
#endif

// The next octet in a quoted string that is no plain text: its end, an escape or a control octet.
inline const char* skip_quoted_text(const char* p, const char* end) noexcept {
#if defined(__SSE2__)
  for (; end - p >= 16; p += 16)
    if (const uint32_t found = quoted_marks_of_16(p); found != 0) return p + static_cast<unsigned>(__builtin_ctz(found));
#endif
  while (p < end && *p != '"' && *p != '\\' && !is_control(*p)) ++p;
  return p;
}

// A quoted string with its quotes; `p` is at the opening one. A backslash may escape any octet except CR and LF, even NUL.
[[gnu::noinline]] inline const char* skip_any_quoted(const char* p, const char* end) noexcept {
  for (++p; (p = skip_quoted_text(p, end)) < end; ++p) {
    if (*p == '"') return p + 1;
    if (*p == '\\') {
      if (++p == end || *p == '\r' || *p == '\n') return nullptr;
    } else if (is_control(*p) && *p != '\t') {
      const char* behind = skip_lws(p, end);
      if (behind == p) return nullptr;
      p = behind - 1;
    }
  }
  return nullptr;
}

// The same; most of the time it is short and plain.
[[gnu::always_inline]] inline const char* skip_quoted(const char* p, const char* end) noexcept {
#if defined(__SSE2__)
  if (end - p > 16) {
    const uint32_t marks = quoted_marks_of_16(p + 1);
    if (marks != 0) {
      const char* const mark = p + 1 + static_cast<unsigned>(__builtin_ctz(marks));
      if (*mark == '"') return mark + 1;
    }
  }
#endif
  return skip_any_quoted(p, end);
}

// True if there is a control octet other than HT, except in a fold or, after a backslash, in a quoted string that ends.
inline bool has_loose_control(Text text) noexcept {
  const char* p = text.data();
  const char* end = p + text.size();
  bool quotes = true;
  while (p < end) {
    const char* behind = p + 1;
    if (*p == '"' && quotes) {
      behind = skip_quoted(p, end);
      quotes = behind != nullptr;
      if (!quotes) behind = p + 1;
    } else if (is_control(*p)) {
      behind = skip_lws(p, end);
      if (behind == p) return true;
    }
    p = behind;
  }
  return false;
}

// "[" IPv6address "]". Checks only the alphabet, since RFC 5118 4.10 wants the three-colon form tolerated; refuses a zone id.
[[gnu::cold, gnu::noinline]] inline const char* skip_ipv6_reference(const char* p, const char* end) noexcept {
  int colons = 0;
  const char* q = p + 1;
  for (; q < end && (is_hex(*q) || *q == ':' || *q == '.'); ++q) colons += *q == ':';
  return q < end && *q == ']' && colons >= 2 ? q + 1 : nullptr;
}

// Whether the octets at `p` are the `word`; there must be as many. One comparison if they are 2, 4 or 8.
template <size_t N>
bool begins_with(const char* p, const char (&word)[N]) noexcept {
  return std::memcmp(p, word, N - 1) == 0;
}

// The same for three letters of any case and one octet that has none; `word` in lower case.
inline bool begins_with_letters(const char* p, const char (&word)[5]) noexcept {
  uint32_t octets, letters, wanted;
  std::memcpy(&octets, p, 4);
  std::memcpy(&letters, "   ", 4);  // the bit that cases differ in, and nothing of the fourth octet
  std::memcpy(&wanted, word, 4);
  return (octets | letters) == wanted;
}

// Whether a dot follows a dot.
[[gnu::noinline]] inline bool has_two_dots(const char* p, const char* end) noexcept {
  constexpr uint64_t kDots = 0x2E2E2E2E2E2E2E2E, kOnes = 0x0101010101010101;
  const auto among_nine = [](const char* at) {
    uint64_t here, after;
    std::memcpy(&here, at, 8);
    std::memcpy(&after, at + 1, 8);
    // An octet is zero where both are dots.
    const uint64_t other = (here ^ kDots) | (after ^ kDots);
    return ((other - kOnes) & ~other & (kOnes << 7)) != 0;
  };
  if (end - p > 8) {
    for (; end - p > 8; p += 8)
      if (among_nine(p)) return true;
    return among_nine(end - 9);
  }
  for (; end - p > 1; ++p)
    if (p[0] == '.' && p[1] == '.') return true;
  return false;
}

// The same for a part of a text that begins at `text`. Most of the time one or two looks at 16 octets say no.
[[gnu::always_inline]] inline bool has_two_dots([[maybe_unused]] const char* text, const char* p, const char* end) noexcept {
#if defined(__SSE2__)
  const auto among_16 = [](const char* at) {
    const __m128i octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const int dots = _mm_movemask_epi8(_mm_cmpeq_epi8(octets, _mm_set1_epi8('.')));
    return (dots & (dots << 1)) != 0;
  };
  if (end - text >= 16 && !among_16(end - 16) && (end - p <= 16 || (end - p < 32 && !among_16(p)))) return false;
#endif
  return has_two_dots(p, end);
}

// host: a name, an IPv4 address or an IPv6 reference. No label is empty; one trailing dot is legal.
template <typename Runs>
const char* skip_host(const Runs& runs, const char* p, const char* end) noexcept {
  if (p == end) return nullptr;
  if (*p == '[') return skip_ipv6_reference(p, end);
  if (*p == '.' || *p == '-') return nullptr;
  const char* q = runs.skip(p, end, kChar_host);
  if (q == p) return nullptr;
  return has_two_dots(p, q) ? nullptr : q;
}

// 1-65535; leading zeros are legal.
[[gnu::noinline]] inline const char* read_any_port(const char* p, const char* end, uint16_t& port) noexcept {
  uint32_t number = 0;
  const char* q = p;
  for (; q < end && is_digit(*q); ++q) {
    number = number * 10 + static_cast<uint32_t>(*q - '0');
    if (number > 65535) return nullptr;
  }
  if (number == 0) return nullptr;
  port = static_cast<uint16_t>(number);
  return q;
}

// The same; most of the time all the digits lie in the first 8 octets, with others behind them.
[[gnu::always_inline]] inline const char* read_port(const char* p, const char* end, uint16_t& port) noexcept {
  if constexpr (std::endian::native == std::endian::little) {
    if (end - p >= 8) {
      constexpr uint64_t kOnes = 0x0101010101010101;
      uint64_t octets;
      std::memcpy(&octets, p, 8);
      octets ^= kOnes * '0';
      // The high bit is set in each octet that is no digit; above the first such octet, it may be set in others as well.
      const uint64_t others = ((octets + kOnes * (0x80 - 10)) | octets) & (kOnes << 7);
      const int bits = std::countr_zero(others) & ~7;
      if (bits > 0 && bits < 64) {
        // As eight digits with zeros in front: in pairs, in fours, in all.
        octets <<= 64 - bits;
        octets = (octets * 10 + (octets >> 8)) & 0x00FF00FF00FF00FF;
        octets = (octets * 100 + (octets >> 16)) & 0x0000FFFF0000FFFF;
        const uint32_t number = static_cast<uint32_t>(octets * 10000 + (octets >> 32));
        if (number - 1 > 65534) return nullptr;
        port = static_cast<uint16_t>(number);
        return p + bits / 8;
      }
    }
  }
  return read_any_port(p, end, port);
}

template <typename Runs>
bool is_token(const Runs& runs, Text text) noexcept {
  const char* end = text.data() + text.size();
  return !text.empty() && runs.skip(text.data(), end, kChar_token) == end;
}

// One generic-param.
struct Param {
  Text whole;  // with the leading ';', without trailing blanks
  Text name;
  Text value;  // a quoted string keeps its quotes; empty when there is none
};

// One that has blanks, or a value that is not plain.
template <typename Runs>
[[gnu::noinline]] const char* read_any_param(const Runs& runs, const char* p, const char* end, Param& out) noexcept {
  const char* start = p;
  p = skip_lws(p + 1, end);
  const char* name = p;
  p = runs.skip(p, end, kChar_token);
  if (p == name) return nullptr;
  out.name = between(name, p);
  out.value = Text();
  const char* behind = p;
  p = skip_lws(p, end);
  if (p < end && *p == '=') {
    const char* value = skip_lws(p + 1, end);
    if (value == end) return nullptr;
    behind = *value == '"' ? skip_quoted(value, end) : runs.skip(value, end, kChar_value);
    if (behind == nullptr || behind == value) return nullptr;
    out.value = between(value, behind);
    p = skip_lws(behind, end);
  }
  out.whole = between(start, behind);
  return p;
}

// One of plain words without blanks, as nearly all are; otherwise nullptr: read_any_param must say.
template <typename Runs>
[[gnu::always_inline]] inline const char* read_plain_param(const Runs& runs, const char* p, const char* end, Param& out) noexcept {
  const char* const name = p + 1;
  const char* behind_name = runs.plain_or_beyond(name, end);
  char next = ';';
  if (behind_name >= end) behind_name = end;
  else next = *behind_name;
  if (behind_name == name) return nullptr;
  if (next == '=') {
    const char* const value = behind_name + 1;
    const char* behind = runs.plain_or_beyond(value, end);
    if (behind >= end) behind = end;
    else if (*behind != ';' && *behind != ',') return nullptr;
    if (behind == value) return nullptr;
    out = {between(p, behind), between(name, behind_name), between(value, behind)};
    return behind;
  }
  if (next != ';' && next != ',') return nullptr;
  out = {between(p, behind_name), between(name, behind_name), Text()};
  return behind_name;
}

// `p` is at the ';'. Also skips LWS after the parameter.
template <typename Runs>
[[gnu::always_inline]] inline const char* read_param(const Runs& runs, const char* p, const char* end, Param& out) noexcept {
  if (const char* const after = read_plain_param(runs, p, end, out); after != nullptr) return after;
  Param any;  // so that `out` can stay in registers
  p = read_any_param(runs, p, end, any);
  out = any;
  return p;
}

}  // namespace sluice
