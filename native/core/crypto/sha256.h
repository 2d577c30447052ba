// The SHA-256 compression function (FIPS 180-4), in the processor's own instructions where it has them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice {

using Sha256Compress = void (*)(uint32_t* state, const uint8_t* block, size_t blocks) noexcept;

extern const uint32_t kSha256Start[8];

void sha256_compress_portable(uint32_t* state, const uint8_t* block, size_t blocks) noexcept;

// The fastest version this processor can run, chosen once.
Sha256Compress sha256_compress() noexcept;

}  // namespace sluice
