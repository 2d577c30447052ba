// One Via value (RFC 3261 20.42, RFC 3581, RFC 6223).
#pragma once

#include "core/base/bytes.h"

namespace sluice {

constexpr uint16_t kSipPort = 5060;          // of a host that names none (RFC 3261 19.1.2)
constexpr uint16_t kSipsPort = 5061;
constexpr Text kMagicCookie = "z9hG4bK";     // RFC 3261 8.1.1.7

struct Via {
  Text value;         // all of it, without blanks round it
  Text transport;     // "UDP", "TCP", "TLS", "WS", "WSS" or another token, raw
  Text host;          // sent-by host, raw; an IPv6 reference keeps its brackets
  uint16_t port = 0;  // sent-by port; 0: not given
  Text params;        // raw, from the first ';' on (included)
  Text branch;        // empty: none
  Text received;      // raw value; empty: none
  Text maddr;         // raw value; empty: none
  // Whole parameters with their leading ';', for cutting them out; empty: absent.
  Text rport_param;
  Text received_param;
  Text keep_param;
  bool has_rport = false;
  bool has_keep = false;
  uint16_t rport = 0;     // 0: without a value (or a bad one)
  bool keep_has_value = false;
};

// Reads one value; LWS is legal round '/', ':' and ';' (GR-18). False: not a Via. Every found view points into `value`.
// A parameter that decides something (branch, received, rport, maddr, keep) makes the value bad when it is doubled.
bool parse_via(Text value, Via& out) noexcept;

// Reads the first value of a comma list by the same rules and moves `list` on to the comma or the end.
// When it fails, `value` is the part before the first faulty parameter, if sent-by was sound: enough for an answer.
bool take_via(Text& list, Via& out) noexcept;

}  // namespace sluice
