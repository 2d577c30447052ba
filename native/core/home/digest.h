// Digest credentials of a request, checked against an HA1 that is already known (RFC 3261 22, RFC 7616 3.4). Reads what phones send:
// one Authorization in a REGISTER, one Proxy-Authorization in any other request, qop=auth. Everything else is left to src/auth.
#pragma once

#include <string>

#include "core/base/bytes.h"
#include "core/home/served_domains.h"
#include "core/sip/message.h"

namespace sluice {

enum class DigestAlgorithm : uint8_t { md5, sha256 };

struct DigestCredentials {
  Text user;
  Text realm;
  Text nonce;
  Text uri;
  Text response;
  Text cnonce;
  Text nc;  // eight hexadecimal digits
  Text method;  // of the request
  uint32_t count = 0;
  DigestAlgorithm algorithm = DigestAlgorithm::md5;
};

constexpr size_t kMaxDigest = 32;
constexpr size_t digest_size(DigestAlgorithm algorithm) noexcept { return algorithm == DigestAlgorithm::md5 ? 16 : 32; }

// Where they are (RFC 3261 22.2, 22.3).
constexpr HeaderId credentials_header(const Message& request) noexcept { return request.method == Method::register_ ? HeaderId::authorization : HeaderId::proxy_authorization; }

// False: there are none, or they are for src/auth.
bool read_credentials(const Message& request, DigestCredentials& out) noexcept;

// The last HA2, the hash of method and URI: almost all phones of a domain register with the same one.
class LastHa2 {
 public:
  // As hexadecimal digits.
  Text of(const DigestCredentials& credentials);

 private:
  DigestAlgorithm algorithm_ = DigestAlgorithm::md5;
  std::string method_, uri_;
  char digits_[2 * kMaxDigest];
};

// Whether they were computed with that HA1, digest_size() octets. Takes the same time either way.
bool proves_ha1(const DigestCredentials& credentials, const uint8_t* ha1, LastHa2& ha2) noexcept;

// Whether the From and, of a REGISTER, the To are that user's own addresses, and the credentials are for this request (RFC 3261 10.3 step 4, 22.4 item 5).
// `is_relayed`: proxies on the way may have changed the user part of the Request-URI.
bool are_for(const DigestCredentials& credentials, const Message& request, const ServedDomains& domains, bool is_relayed) noexcept;

}  // namespace sluice
