// Views over received octets. Nothing here owns memory.
#pragma once

#include <cstddef>
#include <cstdint>
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

}  // namespace sluice
