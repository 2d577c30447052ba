// The one scanner: framing, filtering and relaying all read what it found, so no two parsers can disagree (threats.md's first row).
#pragma once

#include "core/sip/message.h"

namespace sluice {

struct ScanLimits {
  uint32_t max_head = 16 * 1024;  // start line and headers with the empty line; at most 65,535
  uint32_t max_body = 64 * 1024;
  uint16_t max_uri = 1024;        // Request-URI
  uint16_t max_token = 256;       // tag, branch, method
  uint8_t max_vias = 70;
  uint8_t max_routes = 20;
  uint8_t max_lines = 200;  // header fields, at most kMaxLines
};

enum class Carrier : uint8_t {
  datagram,  // the message ends with the datagram (RFC 3261 18.3)
  stream,    // Content-Length frames it
  frame,     // a WebSocket message: ends with it, Content-Length may be absent (RFC 7118 5)
};

// Finds the empty line; returns the size of the head with it, or 0 when it is not among the `size` octets yet.
// `searched`: octets that an earlier call looked at already.
size_t find_head_end(const char* data, size_t size, size_t searched) noexcept;

// As scan()'s `head_size`: nobody has looked for the end of the head yet, and all of the message is there.
constexpr size_t kFindHead = ~size_t{0};

// Scans one message whose head ends at `head_size` (from find_head_end; 0: there is none, which is an error here) within `available`
// octets. Fills all of `out` but never reads behind data + available. On an error the scan goes on as far as it can, so that
// whatever was sound can be used in the answer; `out.error` is the first error, but one that makes the message's end uncertain goes
// before all others (and leaves `out.is_framed` false). Fields that were not found sound stay empty.
// For Carrier::stream the body need not be there yet: `out.size` is what the head announces.
ScanError scan(const char* data, size_t available, size_t head_size, Carrier carrier, const ScanLimits& limits, Message& out) noexcept;

Method method_of(Text token) noexcept;  // case-sensitive (GR-21)

// True when one of the comma lists of header `id` holds the option tag, without regard to case.
bool has_option(const Message& message, HeaderId id, Text tag) noexcept;

}  // namespace sluice
