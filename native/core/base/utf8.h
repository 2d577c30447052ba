// Whether octets are UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include "core/base/bytes.h"

namespace sluice {

bool is_utf8(Text text) noexcept;

// The same for a text in two parts; a character may straddle the seam.
bool is_utf8(Text head, Text tail) noexcept;

}  // namespace sluice
