#include "core/home/digest.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/edit_list.h"
#include "core/crypto/hmac.h"
#include "core/crypto/md5.h"
#include "core/relay/uri_place.h"
#include "core/sip/lexer.h"
#include "core/sip/name_addr.h"

namespace sluice {
namespace {

constexpr size_t kMaxCredentials = 4'096;
constexpr size_t kNcDigits = 8;

constexpr Text kCredentialNames[] = {"username", "realm", "nonce", "uri", "response", "algorithm", "qop", "nc", "cnonce"};
constexpr size_t kCredentials = std::size(kCredentialNames);
enum CredentialName : size_t { kCredential_username, kCredential_realm, kCredential_nonce, kCredential_uri, kCredential_response, kCredential_algorithm, kCredential_qop, kCredential_nc, kCredential_cnonce };

// Most phones write a word as it is written here.
bool is_word(Text text, Text word) noexcept { return text.size() == word.size() && (text == word || same_text(text, word)); }

size_t credential_named(Text name) noexcept {
  size_t i = 0;
  while (i < kCredentials && !is_word(name, kCredentialNames[i])) ++i;
  return i;
}

// A quoted string without escapes, or any other characters up to a comma or a blank; nullptr: neither.
const char* take_value(const char* at, const char* end, Text& out) noexcept {
  if (at != end && *at == '"') {
    const auto* const close = static_cast<const char*>(std::memchr(at + 1, '"', static_cast<size_t>(end - at - 1)));
    if (close == nullptr) return nullptr;
    out = between(at + 1, close);
    return std::memchr(out.data(), '\\', out.size()) == nullptr ? close + 1 : nullptr;
  }
  const char* const begin = at;
  while (at != end && *at != ',' && *at != '"' && !is_blank(*at)) ++at;
  out = between(begin, at);
  return at;
}

// The values by name; the others count only in that no name may occur twice, or parsers could disagree.
bool take_values(Text text, Text (&values)[kCredentials]) noexcept {
  constexpr size_t kMostOthers = 8;
  Text others[kMostOthers];
  size_t count = 0;
  bool seen[kCredentials] = {};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (;;) {
    at = skip_lws(at, end);
    const char* const begin = at;
    while (at != end && is_class(*at, kChar_token)) ++at;
    const Text name = between(begin, at);
    at = skip_lws(at, end);
    if (name.empty() || at == end || *at != '=') return false;
    Text value;
    at = take_value(skip_lws(at + 1, end), end, value);
    if (at == nullptr) return false;
    if (const size_t which = credential_named(name); which < kCredentials) {
      if (std::exchange(seen[which], true)) return false;
      values[which] = value;
    } else {
      if (count == kMostOthers || std::any_of(others, others + count, [name](Text other) { return same_text(other, name); })) return false;
      others[count++] = name;
    }
    at = skip_lws(at, end);
    if (at == end) return true;
    if (*at++ != ',') return false;
  }
}

bool read_count(Text digits, uint32_t& out) noexcept {
  out = 0;
  if (digits.size() != kNcDigits) return false;
  for (const char c : digits) {
    if (!is_hex(c)) return false;
    out = out << 4 | static_cast<uint32_t>(is_digit(c) ? c - '0' : lower(c) - 'a' + 10);
  }
  return true;
}

// The digest as hexadecimal digits.
Text hash(DigestAlgorithm algorithm, Text text, char (&out)[2 * kMaxDigest]) noexcept {
  uint8_t octets[kMaxDigest];
  if (algorithm == DigestAlgorithm::md5) md5(text.data(), text.size(), octets);
  else sha256(text.data(), text.size(), octets);
  const size_t size = digest_size(algorithm);
  for (size_t i = 0; i < size; ++i) {
    out[2 * i] = "0123456789abcdef"[octets[i] >> 4];
    out[2 * i + 1] = "0123456789abcdef"[octets[i] & 15];
  }
  return Text(out, 2 * size);
}

// Whether both begin with the same address in angle brackets; what follows is not part of it.
bool are_alike(Text from, Text to) noexcept {
  const size_t size = to.find('>') + 1;
  return size > 1 && to.front() == '<' && from.substr(0, size) == to.substr(0, size);
}

bool is_own(Text value, Text user, Text realm, const ServedDomains& domains) noexcept {
  NameAddr address;
  Uri uri;
  if (!parse_name_addr(value, address) || !parse_uri(address.uri_text, uri) || !is_sip(uri) || uri.user.empty() || uri.user.find('%') != Text::npos) return false;
  if (domains.shown(uri.host) != realm) return false;
  // With or without the domain.
  if (user.substr(0, uri.user.size()) != uri.user) return false;
  const Text rest = user.substr(uri.user.size());
  return rest.empty() || (rest.front() == '@' && rest.substr(1) == realm);
}

}  // namespace

bool read_credentials(const Message& request, DigestCredentials& out) noexcept {
  constexpr Text kScheme = "digest";
  const HeaderLine* const line = request.line(credentials_header(request));
  if (line == nullptr || request.next(*line) != nullptr) return false;
  Text text = request.value(*line);
  if (text.size() > kMaxCredentials || text.size() <= kScheme.size() || !same_text(text.substr(0, kScheme.size()), kScheme) || !is_blank(text[kScheme.size()])) return false;
  if (text.find('\r') != Text::npos) return false;
  text.remove_prefix(kScheme.size());
  Text values[kCredentials];
  values[kCredential_algorithm] = "MD5";
  if (!take_values(text, values)) return false;
  out = DigestCredentials{values[kCredential_username], values[kCredential_realm], values[kCredential_nonce], values[kCredential_uri], values[kCredential_response], values[kCredential_cnonce], values[kCredential_nc], request.text(request.method_text)};
  if (out.user.empty() || out.realm.empty() || out.nonce.empty() || out.uri.empty() || out.cnonce.empty()) return false;
  if (!is_word(values[kCredential_qop], "auth") || !read_count(out.nc, out.count)) return false;
  if (is_word(values[kCredential_algorithm], "SHA-256")) out.algorithm = DigestAlgorithm::sha256;
  else if (!is_word(values[kCredential_algorithm], "MD5")) return false;
  return out.response.size() == 2 * digest_size(out.algorithm);
}

Text LastHa2::of(const DigestCredentials& credentials) {
  if (credentials.algorithm != algorithm_ || credentials.method != method_ || credentials.uri != uri_) {
    algorithm_ = credentials.algorithm;
    method_ = credentials.method;
    uri_ = credentials.uri;
    hash(algorithm_, method_ + ":" + uri_, digits_);
  }
  return Text(digits_, 2 * digest_size(algorithm_));
}

bool proves_ha1(const DigestCredentials& credentials, const uint8_t* ha1, LastHa2& ha2) noexcept {
  char room[2 * kMaxCredentials];
  const Text second = ha2.of(credentials);
  Writer text(room, sizeof room);
  for (size_t i = 0; i < digest_size(credentials.algorithm); ++i) {
    text.put("0123456789abcdef"[ha1[i] >> 4]);
    text.put("0123456789abcdef"[ha1[i] & 15]);
  }
  for (const Text part : {Text(":"), credentials.nonce, Text(":"), credentials.nc, Text(":"), credentials.cnonce, Text(":auth:"), second}) text.put(part);
  if (text.full()) return false;
  char made[2 * kMaxDigest];
  const Text expected = hash(credentials.algorithm, text.text(), made);
  if (credentials.response.size() != expected.size()) return false;
  unsigned difference = 0;
  for (size_t i = 0; i < expected.size(); ++i) difference |= static_cast<unsigned>(lower(credentials.response[i]) ^ expected[i]);
  return difference == 0;
}

bool are_for(const DigestCredentials& credentials, const Message& request, const ServedDomains& domains, bool is_relayed) noexcept {
  const Uri& uri = request.uri;
  if (request.request_uri.empty() || !is_sip(uri)) return false;
  if (credentials.uri != request.text(request.request_uri)) {
    Uri signed_uri;
    if (!parse_uri(credentials.uri, signed_uri) || !is_sip(signed_uri)) return false;
    if (!is_relayed && signed_uri.user != uri.user) return false;
    if (!same_text(signed_uri.host, uri.host) && !domains.leads_here(signed_uri.host)) return false;
  }
  const Text from = request.text(request.from_value), to = request.text(request.to_value);
  if (!is_own(from, credentials.user, credentials.realm, domains)) return false;
  return request.method != Method::register_ || are_alike(from, to) || is_own(to, credentials.user, credentials.realm, domains);
}

}  // namespace sluice
