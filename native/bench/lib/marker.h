// Where every message of the load program contains the flow number; lets the floor find a client without parsing SIP.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice::bench {

// The second line begins with "Via: SIP/2.0/UDP 10.0.0.10:50600;branch=z9hG4bK", followed by eight hex digits of the flow and eight of the
// sequence. Host and port of every sent-by have 15 characters, so that the position is fixed.
constexpr std::string_view kClientSentBy = "10.0.0.10:50600";
constexpr size_t kSentBySize = kClientSentBy.size();
constexpr size_t kMarkerOffset = sizeof("Via: SIP/2.0/UDP ") - 1 + kSentBySize + sizeof(";branch=z9hG4bK") - 1;
constexpr size_t kDigits = 8;
constexpr uint32_t kNoNumber = UINT32_MAX;

inline void write_hex(char* out, uint32_t value) noexcept {
  for (int i = kDigits - 1; i >= 0; --i, value >>= 4) out[i] = "0123456789abcdef"[value & 15];
}

// Eight digits at once: each nibble of a digit is its low four bits, plus nine for a letter.
inline uint32_t read_hex(const char* in) noexcept {
  uint64_t v;
  std::memcpy(&v, in, sizeof v);
  v = (v & 0x0f0f0f0f0f0f0f0fULL) + 9 * ((v >> 6) & 0x0101010101010101ULL);
  v = __builtin_bswap64(v);
  v = (v | v >> 4) & 0x00ff00ff00ff00ffULL;
  v = (v | v >> 8) & 0x0000ffff0000ffffULL;
  return static_cast<uint32_t>(v | v >> 16);
}

// The flow number of a complete message, or kNoNumber if it is too short to contain one.
inline uint32_t flow_of(const char* message, size_t size) noexcept {
  const char* end = message + size;
  const void* newline = std::memchr(message, '\n', size);
  if (newline == nullptr) return kNoNumber;
  const char* digits = static_cast<const char*>(newline) + 1 + kMarkerOffset;
  return digits + kDigits <= end ? read_hex(digits) : kNoNumber;
}

}  // namespace sluice::bench
