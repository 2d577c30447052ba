// base64url without padding (RFC 4648 5): all its characters are legal in the user part of a SIP URI without escaping.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/bytes.h"

namespace sluice {

constexpr size_t base64url_size(size_t octets) noexcept { return (octets * 4 + 2) / 3; }

// Writes base64url_size(size) characters and returns that.
size_t base64url_encode(const uint8_t* data, size_t size, char* out) noexcept;

// Strict: no padding, no blanks, no other characters, and unused bits must be zero. Writes at most `capacity` octets and returns how
// many, or -1.
int base64url_decode(Text text, uint8_t* out, size_t capacity) noexcept;

// The same for machines without AVX, one group after the other.
size_t base64url_encode_portably(const uint8_t* data, size_t size, char* out) noexcept;
int base64url_decode_portably(Text text, uint8_t* out, size_t capacity) noexcept;

bool is_base64url(char c) noexcept;

}  // namespace sluice
