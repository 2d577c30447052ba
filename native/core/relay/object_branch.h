// The Via branch of a request that the home proxy sends in a transaction. It names the shard that keeps the transaction, so a response
// gets there from whichever shard receives it.
//
//   z9hG4bK + base64url of:
//   octet 0   version (10 in the upper two bits; a relay branch has 01 there) and in the lowest bit the path: 0 objects, 1 numbers
//         1   shard, 2-3 boot epoch, 4-9 serial number
//   then  4 octets loop hash (RFC 5393 4.2), 6 octets SipHash over all the above, so that nobody can invent a response
#pragma once

#include "core/relay/edge_config.h"

namespace sluice {

constexpr size_t kMaxObjectBranch = 40;

// Who keeps the transaction: TypeScript, or shard/proxying.h.
enum class KeptBy : uint8_t { objects, numbers };

// Writes the branch, at most kMaxObjectBranch octets, and returns its length.
size_t make_object_branch(const EdgeConfig& config, KeptBy by, uint64_t serial, uint32_t loop, char* out) noexcept;

// False: not a branch made by a shard of this process since it started.
bool read_object_branch(const EdgeConfig& config, Text branch, uint8_t& keeper, KeptBy& by) noexcept;

// The loop hash in a branch of this format, whoever made it; 0: none.
uint32_t object_loop_hash(Text branch) noexcept;

}  // namespace sluice
