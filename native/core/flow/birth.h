// The age of UDP flows in units of 16 s. 24 bits wrap every 8.5 years, so they are compared by serial number arithmetic (RFC 1982).
#pragma once

#include <cstdint>

namespace sluice {

constexpr uint32_t kBirthMask = 0xFFFFFF;
constexpr uint32_t kBirthSeconds = 16;

constexpr uint32_t birth_at(uint64_t unix_seconds) noexcept { return static_cast<uint32_t>(unix_seconds / kBirthSeconds) & kBirthMask; }

// Seconds from `birth` to `now`. A birth in the future looks very old, so check is_later() first.
constexpr uint32_t birth_age(uint32_t birth, uint32_t now) noexcept { return ((now - birth) & kBirthMask) * kBirthSeconds; }

constexpr bool is_later(uint32_t birth, uint32_t other) noexcept {
  const uint32_t distance = (birth - other) & kBirthMask;
  return distance != 0 && distance <= kBirthMask / 2;
}

constexpr uint32_t birth_after(uint32_t birth) noexcept { return (birth + 1) & kBirthMask; }

}  // namespace sluice
