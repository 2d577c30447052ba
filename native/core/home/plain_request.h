// A request to one of our users as a home proxy reads it (RFC 3261 16.3 to 16.5), if it needs no more than numbers. Everything folded,
// escaped, duplicate or rare is left to the object path, which applies the same rules, from src/sip/fault.ts and src/registrar/gruu.ts.
#pragma once

#include "core/base/layout.h"
#include "core/home/served_domains.h"
#include "core/sip/message.h"

namespace sluice {

constexpr uint32_t kMostBreadth = 60;  // RFC 5393 5.3.3.2: of a request that asks for none, or for more

struct PlainRequest {
  std::string aor;
  Text caller_realm;        // the domain of the From if it is one of ours, else empty
  uint32_t max_breadth = 0; // RFC 5393 5.3.3
};

// False: this request is for the object path. `contact`: ContactFlag bits of its record.
bool read_plain_request(const Message& message, uint32_t contact, const ServedDomains& domains, PlainRequest& out) noexcept;

// The part of it that concerns the copies alone: fills max_breadth. For a request that the object path has checked and found a callee for.
bool read_copyable(const Message& message, PlainRequest& out) noexcept;

// Whether the first Via has a branch that identifies its transaction (RFC 3261 17.2.3).
bool has_cookie(const Message& message) noexcept;

}  // namespace sluice
