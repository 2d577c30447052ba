// Numbers in network byte order, at any alignment.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice {

// Writes the lowest `octets` octets of `value`, at most eight.
inline void put_number(uint8_t* at, uint64_t value, size_t octets) noexcept {
  for (size_t i = 0; i < octets; ++i) at[i] = static_cast<uint8_t>(value >> (8 * (octets - 1 - i)));
}

inline uint64_t get_number(const uint8_t* at, size_t octets) noexcept {
  uint64_t value = 0;
  for (size_t i = 0; i < octets; ++i) value = value << 8 | at[i];
  return value;
}

inline void put16(uint8_t* at, uint16_t value) noexcept { put_number(at, value, 2); }

inline void put32(uint8_t* at, uint32_t value) noexcept { put_number(at, value, 4); }

inline uint16_t get16(const uint8_t* at) noexcept { return static_cast<uint16_t>(get_number(at, 2)); }

inline uint32_t get32(const uint8_t* at) noexcept { return static_cast<uint32_t>(get_number(at, 4)); }

}  // namespace sluice
