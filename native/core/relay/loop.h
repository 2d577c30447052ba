// Loop detection (RFC 5393 4.2): a request that comes back unchanged has come round a circle.
#pragma once

#include "core/crypto/siphash.h"
#include "core/relay/edge_config.h"
#include "core/sip/message.h"

namespace sluice {

// Covers everything that routing depends on, but not the method (RFC 5393 4.2.1). `hash` comes from request_hash().
uint32_t loop_hash_of(SipHasher hash, const Message& message) noexcept;

// Whether one of its Vias is ours with that loop hash.
bool is_loop(const EdgeConfig& config, const Message& message, uint32_t loop_hash) noexcept;

}  // namespace sluice
