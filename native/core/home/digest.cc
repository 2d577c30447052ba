#include "core/home/digest.h"

#include <algorithm>
#include <cstring>

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

// A quoted string without escapes, or a token.
bool read_value(Text raw, Text& out) noexcept {
  if (raw.empty() || raw.front() != '"') return out = raw, raw.find('"') == Text::npos;
  if (raw.size() < 2 || raw.back() != '"') return false;
  out = raw.substr(1, raw.size() - 2);
  return out.find('"') == Text::npos && out.find('\\') == Text::npos;
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
  Text algorithm = "MD5";
  Text qop;
  struct Named {
    Text name;
    Text& value;
  };
  out = DigestCredentials{};
  out.method = request.text(request.method_text);
  const Named known[] = {{"username", out.user}, {"realm", out.realm}, {"nonce", out.nonce}, {"uri", out.uri}, {"response", out.response}, {"algorithm", algorithm}, {"qop", qop}, {"nc", out.nc}, {"cnonce", out.cnonce}};
  constexpr size_t kMostNames = 16;
  Text names[kMostNames];
  size_t count = 0;
  ValueList values(text);
  for (Text part; values.next(part);) {
    const size_t equals = part.find('=');
    if (equals == Text::npos) return false;
    const char* const end = part.data() + equals;
    const Text name = between(part.data(), trim_lws(part.data(), end));
    const char* const value = skip_lws(end + 1, part.data() + part.size());
    const auto is_name = [name](Text other) { return same_text(other, name); };
    // If it occurs twice, parsers could disagree.
    if (name.empty() || count == kMostNames || std::any_of(names, names + count, is_name)) return false;
    names[count++] = name;
    const auto* const found = std::find_if(std::begin(known), std::end(known), [&](const Named& one) { return is_name(one.name); });
    if (found != std::end(known) && !read_value(between(value, part.data() + part.size()), found->value)) return false;
  }
  if (!values.is_sound() || out.user.empty() || out.realm.empty() || out.nonce.empty() || out.uri.empty() || out.cnonce.empty()) return false;
  if (!same_text(qop, "auth") || !read_count(out.nc, out.count)) return false;
  if (same_text(algorithm, "SHA-256")) out.algorithm = DigestAlgorithm::sha256;
  else if (!same_text(algorithm, "MD5")) return false;
  return out.response.size() == 2 * digest_size(out.algorithm);
}

bool proves_ha1(const DigestCredentials& credentials, const uint8_t* ha1) noexcept {
  char room[2 * kMaxCredentials];
  Writer text(room, sizeof room);
  text.put(credentials.method);
  text.put(':');
  text.put(credentials.uri);
  char ha2[2 * kMaxDigest];
  const Text second = hash(credentials.algorithm, text.text(), ha2);
  text = Writer(room, sizeof room);
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
  Uri signed_uri;
  const Uri& uri = request.uri;
  if (!parse_uri(credentials.uri, signed_uri) || request.request_uri.empty() || !is_sip(signed_uri) || !is_sip(uri)) return false;
  if (!is_relayed && signed_uri.user != uri.user) return false;
  if (!same_text(signed_uri.host, uri.host) && !domains.leads_here(signed_uri.host)) return false;
  if (!is_own(request.text(request.from_value), credentials.user, credentials.realm, domains)) return false;
  return request.method != Method::register_ || is_own(request.text(request.to_value), credentials.user, credentials.realm, domains);
}

}  // namespace sluice
