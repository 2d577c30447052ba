// SIP and other URIs (RFC 3261 19.1, 25.1), as views over the text that was read.
#pragma once

#include "core/base/bytes.h"

namespace sluice {

enum class Scheme : uint8_t { sip, sips, tel, other };

struct Uri {
  Scheme scheme = Scheme::other;
  Text scheme_text;
  Text user;      // raw, escapes kept; empty when there is none. Without the password.
  Text password;  // raw; empty when there is none
  Text host;      // raw; an IPv6 reference keeps its brackets
  uint16_t port = 0;  // 0: not given
  bool port_zero = false;  // ":0" was: sound (RFC 3261 25.1), and nobody can be there
  bool has_user = false;
  Text params;    // raw, from the first ';' to before '?' (the ';' included); empty when there are none
  Text headers;   // raw, from '?' on (the '?' included); empty when there are none
};

// Reads a whole URI as a Request-URI or between angle brackets: ';' and '?' after the host belong to the URI (GR-13).
// sip: and sips: are checked in full (user, host, port, parameters, escapes); any other scheme needs only to be well formed
// up to the colon and to hold neither blanks, angle brackets, quotes nor control octets. False: not a URI.
bool parse_uri(Text text, Uri& out) noexcept;

// Finds a URI parameter by name, without regard to case. `value` is empty for one without a value. `params` is Uri::params.
bool find_uri_param(Text params, Text name, Text* value) noexcept;

// Compares two host texts as hosts: names without regard to case and a trailing dot, addresses in any spelling (DET-16, T6-10).
bool same_host(Text a, Text b) noexcept;

}  // namespace sluice
