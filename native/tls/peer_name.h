// Whether a certificate speaks for a SIP domain (RFC 5922 7).
#pragma once

#include <openssl/x509.h>

#include "core/base/bytes.h"

namespace sluice {

// `name` is a host name or a literal address without brackets. A subjectAltName with the URI sip:NAME or the DNS name, octet for octet
// without regard to case and without wildcards; the common name only where there is no subjectAltName at all (RFC 5922 7.1, 7.2). An address
// needs one of type iPAddress.
bool certifies(X509* certificate, Text name) noexcept;

}  // namespace sluice
