// The only scanner: framing, filtering and relaying all use what it found, so no two parsers can disagree.
#pragma once

#include "core/sip/message.h"

namespace sluice {

struct ScanLimits {
  uint32_t max_head = 16 * 1024;  // start line, headers and the empty line; at most 65,535
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
  frame,     // the message ends with the WebSocket message; Content-Length may be absent (RFC 7118 5)
};

// Finds the empty line; returns the size of the head including it, or 0 if it is not among the `size` octets yet.
// `searched`: octets that an earlier call has already examined.
size_t find_head_end(const char* data, size_t size, size_t searched) noexcept;

// As scan()'s `head_size`: nobody has looked for the end of the head yet, and the whole message has arrived.
constexpr size_t kFindHead = ~size_t{0};

// Scans one message of `available` octets whose head ends at `head_size` (from find_head_end; 0: there is no end, which is an error).
// Fills all of `out` and never reads beyond data + available. After an error the scan goes on as far as it can, so that the response
// can use everything that is well formed; `out.error` is the first error, except that one which leaves the end of the message
// uncertain outranks all others (and leaves `out.is_framed` false). Fields that are not well formed stay empty.
// For Carrier::stream the body may still be missing: `out.size` is what the head announces.
ScanError scan(const char* data, size_t available, size_t head_size, Carrier carrier, const ScanLimits& limits, Message& out) noexcept;

// The same for the first `available` octets of a stream, in which nobody has looked for the end of a head yet: one pass instead of two.
// False: it has not arrived, and `out` means nothing.
bool scan_arrived(const char* data, size_t available, const ScanLimits& limits, Message& out) noexcept;

Method method_of(Text token) noexcept;  // case-sensitive (GR-21)

// True if one of the comma lists of header `id` contains the option tag, ignoring case.
bool has_option(const Message& message, HeaderId id, Text tag) noexcept;

}  // namespace sluice
