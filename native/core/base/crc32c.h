// CRC-32C (Castagnoli), the checksum of everything written to disk (test values: RFC 3720 B.4).
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice {

// Continues from `crc`; start with 0.
uint32_t crc32c(uint32_t crc, const void* data, size_t size) noexcept;

}  // namespace sluice
