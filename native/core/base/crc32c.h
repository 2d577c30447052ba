// CRC-32C (Castagnoli), the checksum of what is written to disk (RFC 3720 B.4 has its test values).
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice {

// Goes on from `crc`, which is 0 at the beginning.
uint32_t crc32c(uint32_t crc, const void* data, size_t size) noexcept;

}  // namespace sluice
