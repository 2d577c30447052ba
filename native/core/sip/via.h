// One Via value (RFC 3261 20.42, RFC 3581, RFC 6223).
#pragma once

#include "core/base/bytes.h"

namespace sluice {

constexpr uint16_t kSipPort = 5060;          // the default of a host without a port (RFC 3261 19.1.2)
constexpr uint16_t kSipsPort = 5061;
constexpr Text kMagicCookie = "z9hG4bK";     // RFC 3261 8.1.1.7

class HeadMap;

struct Via {
  Text value;         // all of it, without surrounding blanks
  Text transport;     // "UDP", "TCP", "TLS", "WS", "WSS" or another token, raw
  Text host;          // sent-by host, raw; an IPv6 reference keeps its brackets
  uint16_t port = 0;  // sent-by port; 0: not given
  Text params;        // raw, including the first ';'
  Text branch;        // empty: none
  Text received;      // raw value; empty: none
  Text maddr;         // raw value; empty: none
  // Whole parameters with their leading ';', to cut them out; empty: absent.
  Text rport_param;
  Text received_param;
  Text keep_param;
  bool has_rport = false;
  bool has_keep = false;
  uint16_t rport = 0;     // 0: no value, or a bad one
  bool keep_has_value = false;
};

// Reads one value; LWS is legal around '/', ':' and ';' (GR-18). False: not a Via. All views point into `value`.
// The value is bad if branch, received, rport, maddr or keep occurs twice.
bool parse_via(Text value, Via& out) noexcept;

// Reads the first value of a comma list by the same rules and advances `list` to the comma or the end.
// On failure, `value` is the part before the first faulty parameter, if sent-by is well formed: enough for a response.
bool take_via(Text& list, Via& out) noexcept;
// The same for a list in a head that has been mapped.
bool take_via(const HeadMap& map, Text& list, Via& out) noexcept;

}  // namespace sluice
