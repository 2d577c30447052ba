// Views over received octets. Nothing here owns memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice {

using Text = std::string_view;

// A range of a message, relative to its first octet. A message head is never longer than 65,535 octets.
struct Slice {
  uint16_t at = 0;
  uint16_t len = 0;

  bool empty() const noexcept { return len == 0; }
  uint32_t end() const noexcept { return uint32_t{at} + len; }
};

inline Text text_of(const char* base, Slice slice) noexcept { return Text(base + slice.at, slice.len); }

inline char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

inline bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// Case-insensitive ASCII comparison (RFC 3261 7.3.1).
inline bool same_text(Text a, Text b) noexcept {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

// The same for a text without control octets and a word of 2 to 16 characters in lower case, among them no '`', '{', '|', '}' or '~'. Then bit
// 0x20 is all that the cases differ in.
template <size_t N>
bool same_word(Text text, const char (&word)[N]) noexcept {
  constexpr size_t kSize = N - 1;
  static_assert(kSize >= 2 && kSize <= 16);
  if (text.size() != kSize) return false;
  // Two pieces that may overlap.
  const auto same = [&]<typename Piece>(Piece) {
    Piece first, last, wanted_first, wanted_last;
    std::memcpy(&first, text.data(), sizeof(Piece));
    std::memcpy(&last, text.data() + kSize - sizeof(Piece), sizeof(Piece));
    std::memcpy(&wanted_first, word, sizeof(Piece));
    std::memcpy(&wanted_last, word + kSize - sizeof(Piece), sizeof(Piece));
    constexpr Piece kCase = static_cast<Piece>(0x2020202020202020);
    return static_cast<Piece>(first | kCase) == static_cast<Piece>(wanted_first | kCase) && static_cast<Piece>(last | kCase) == static_cast<Piece>(wanted_last | kCase);
  };
  if constexpr (kSize >= 8) return same(uint64_t{});
  else if constexpr (kSize >= 4) return same(uint32_t{});
  else return same(uint16_t{});
}

}  // namespace sluice
