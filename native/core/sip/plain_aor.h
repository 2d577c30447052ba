// The address of record in a To or From, as the operator reads it.
#pragma once

#include "core/base/bytes.h"

namespace sluice {

constexpr size_t kMaxPlainAor = 96;

// Writes sip:user@host, without password, port and parameters, to `out` of kMaxPlainAor octets and returns its size; 0: `value` is no
// SIP address, or too long.
size_t write_plain_aor(Text value, char* out) noexcept;

}  // namespace sluice
