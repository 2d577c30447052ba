// STUN Binding on the SIP port (RFC 5626 8, RFC 8489): just enough of a server for keep-alives.
#pragma once

#include "core/sip/address.h"

namespace sluice {

enum class StunResult : uint8_t {
  not_stun,  // the first octet is not 0 or 1: try SIP
  ignore,    // looks like STUN, but is malformed, a response, an indication or without the magic cookie: drop it
  reply,     // `out` holds the response
};

constexpr size_t kMaxStunReply = 128;

// `source` is where the request came from; `out` has room for kMaxStunReply octets. FINGERPRINT in the request is checked, and the
// response then has one too. An unknown comprehension-required attribute gets 420 with UNKNOWN-ATTRIBUTES. A response is at most twice
// as long as the request, or 64 octets.
StunResult answer_stun(const uint8_t* data, size_t size, const Address& source, uint8_t* out, size_t* out_size) noexcept;

}  // namespace sluice
