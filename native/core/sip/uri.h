// SIP and other URIs (RFC 3261 19.1, 25.1), as views into the text that was read.
#pragma once

#include "core/base/bytes.h"

namespace sluice {

// urn: a service such as urn:service:sos (RFC 5031), which a proxy behind us resolves.
enum class Scheme : uint8_t { sip, sips, tel, urn, other };

class HeadMap;

// The parameters that decide where a request goes, and those that we ask for often.
constexpr uint16_t kUri_lr = 1, kUri_ob = 2, kUri_ttl = 4, kUri_user = 8, kUri_maddr = 16, kUri_method = 32, kUri_transport = 64, kUri_gr = 128, kUri_sos = 256;

struct Uri {
  Scheme scheme = Scheme::other;
  Text scheme_text;
  Text user;      // raw, escapes kept, without the password; empty: none
  Text password;  // raw; empty: none
  Text host;      // raw; an IPv6 reference keeps its brackets
  uint16_t port = 0;  // 0: not given
  bool port_zero = false;  // it was ":0": well formed (RFC 3261 25.1), but nobody can listen there
  bool has_user = false;
  uint16_t known_params = 0;  // which of these parameters it has
  Text params;    // raw, from the first ';' (included) up to the '?'; empty: none
  Text headers;   // raw, from the '?' (included); empty: none
};

// Reads a whole URI, as in a Request-URI or between angle brackets: ';' and '?' after the host belong to the URI (GR-13).
// sip: and sips: are checked in full (user, host, port, parameters, escapes); any other URI must only be well formed up to the colon
// and contain no blanks, angle brackets, quotes or control octets. False: not a URI.
bool parse_uri(Text text, Uri& out) noexcept;
// The same for a URI in a head that has been mapped.
bool parse_uri(const HeadMap& map, Text text, Uri& out) noexcept;

// Reads a sip: URI as nearly all are: user and host of plain words, or a telephone number with '+', and no escapes. Returns the position of the
// octet that it cannot take: if the URI ends there, parse_uri would say the same. nullptr: only parse_uri can tell.
const char* read_usual_uri(const HeadMap& map, const char* p, const char* end, Uri& out) noexcept;

// Finds a URI parameter by name, ignoring case. `value` is empty if it has none. `params` is Uri::params.
bool find_uri_param(Text params, Text name, Text* value) noexcept;

// Compares two texts as hosts: names ignoring case and a trailing dot, addresses in any spelling (DET-16, T6-10).
bool same_host(Text a, Text b) noexcept;

}  // namespace sluice
