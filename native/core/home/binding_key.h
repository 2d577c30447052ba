// The key of a binding within its address of record: `fREG-ID INSTANCE` for a flow, whatever its Contact (RFC 5626 6), else `c` and the
// comparable form of the Contact URI (RFC 3261 10.3 step 7), which src/sip/uri-key.ts writes.
#pragma once

#include "core/base/bytes.h"

namespace sluice {

// Whether two keys name the same binding; src/location/binding-key.ts and the Lua for Redis follow the same rules.
bool same_binding(Text one, Text other) noexcept;

// Whether `key` is the key of this flow.
bool is_flow_key(Text key, uint32_t reg_id, Text instance) noexcept;

constexpr size_t kFlowKeyHead = 12;  // "f4294967295 "

// Writes the part of the key before the instance and returns its length, at most kFlowKeyHead.
size_t write_flow_key_head(uint32_t reg_id, char* out) noexcept;

}  // namespace sluice
