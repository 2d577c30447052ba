// Whether a certificate is valid for a SIP domain (RFC 5922 7).
#pragma once

#include <openssl/x509.h>

#include "core/base/bytes.h"

namespace sluice {

// `name` is a host name or a literal address without brackets. It must match a subjectAltName with the URI sip:NAME or the DNS name,
// ignoring case and without wildcards; the common name counts only if there is no subjectAltName (RFC 5922 7.1, 7.2). An address needs an
// iPAddress.
bool certifies(X509* certificate, Text name) noexcept;

}  // namespace sluice
