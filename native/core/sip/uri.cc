#include "core/sip/uri.h"

#include <cstring>

#include "core/sip/address.h"
#include "core/sip/head_map.h"
#include "core/sip/lexer.h"

namespace sluice {

namespace {

constexpr CharRuns kRuns;

// One character of a class, or an escape (RFC 3261 19.1.2).
const char* skip_escaped(const char* p, const char* end, CharClass bits) noexcept {
  for (;;) {
    p = kRuns.skip(p, end, bits);
    if (p == end || *p != '%' || end - p < 3 || !is_hex(p[1]) || !is_hex(p[2])) return p;
    p += 3;
  }
}

// If one of these came twice, two readers could choose differently (GR-16). `sos` has no value: twice is as good as once.
constexpr uint32_t kUri_once = 0xFFFFu & ~uint32_t{kUri_sos};

[[gnu::always_inline]] inline uint32_t bit_of_uri_param(Text name) noexcept {
  switch (name.size()) {
    case 2: return same_word(name, "lr") ? kUri_lr : same_word(name, "ob") ? kUri_ob : same_word(name, "gr") ? kUri_gr : 0;
    case 3: return same_word(name, "ttl") ? kUri_ttl : same_word(name, "sos") ? kUri_sos : 0;
    case 4: return same_word(name, "user") ? kUri_user : 0;
    case 5: return same_word(name, "maddr") ? kUri_maddr : 0;
    case 6: return same_word(name, "method") ? kUri_method : 0;
    case 9: return same_word(name, "transport") ? kUri_transport : 0;
    default: return 0;
  }
}

const char* read_uri_params(const char* p, const char* end, Uri& out) noexcept {
  const char* start = p;
  uint32_t seen = 0;
  while (p < end && *p == ';') {
    const char* name = p + 1;
    p = skip_escaped(name, end, kChar_uri_param);
    if (p == name) return nullptr;
    const uint32_t bit = bit_of_uri_param(between(name, p));
    if (seen & bit & kUri_once) return nullptr;
    seen |= bit;
    if (p < end && *p == '=') {
      const char* value = p + 1;
      p = skip_escaped(value, end, kChar_uri_param);
      if (p == value) return nullptr;
    }
  }
  out.params = between(start, p);
  out.known_params = static_cast<uint16_t>(seen);
  return p;
}

bool read_user_info(const char* p, const char* at, Uri& out) noexcept {
  const char* user = p;
  p = skip_escaped(p, at, kChar_user);
  if (p == user) return false;
  out.user = between(user, p);
  out.has_user = true;
  if (p < at && *p == ':') {
    const char* password = p + 1;
    p = skip_escaped(password, at, kChar_password);
    out.password = between(password, p);
  }
  return p == at;
}

// Skips a port that is all zeros; nullptr: it is not.
const char* skip_zeros(const char* p, const char* end) noexcept {
  const char* start = p;
  while (p < end && *p == '0') ++p;
  return p == start || (p < end && is_digit(*p)) ? nullptr : p;
}

bool parse_sip(const char* p, const char* end, Uri& out) noexcept {
  // Neither parameters nor headers may contain '@', so the user part ends at the only one (GR-13).
  const char* first = kRuns.plain(p, end);
  if (first < end && *first == '@' && first > p) {
    out.user = between(p, first);
    out.has_user = true;
    p = first + 1;
  } else if (first == end) {
    // No '@'.
  } else if (const void* at = std::memchr(p, '@', static_cast<size_t>(end - p))) {
    const char* behind_user = static_cast<const char*>(at);
    if (!read_user_info(p, behind_user, out)) return false;
    p = behind_user + 1;
  }
  const char* host = p;
  p = skip_host(kRuns, p, end);
  if (p == nullptr) return false;
  out.host = between(host, p);
  if (p < end && *p == ':') {
    const char* digits = p + 1;
    p = read_port(digits, end, out.port);
    if (p == nullptr) p = skip_zeros(digits, end), out.port_zero = p != nullptr;
    if (p == nullptr) return false;
  }
  if (p < end && *p == ';') {
    p = read_uri_params(p, end, out);
    if (p == nullptr) return false;
  }
  if (p < end && *p == '?') {
    const char* headers = p;
    p = skip_escaped(p + 1, end, kChar_uri_header);
    if (p == headers + 1) return false;
    out.headers = between(headers, p);
  }
  return p == end;
}

bool parse_other(const char* p, const char* end) noexcept {
  if (p == end) return false;
  for (; p < end; ++p)
    if (is_control(*p) || *p == ' ' || *p == '<' || *p == '>' || *p == '"') return false;
  return true;
}

Text host_body(Text host) noexcept {
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  return host;
}

// Any URI; slower, for those that read_usual leaves.
[[gnu::cold, gnu::noinline]] bool parse_any(Text text, Uri& out) noexcept {
  out = Uri{};
  const char* p = text.data();
  const char* end = p + text.size();
  const char* scheme = p;
  if (p == end || !is_alpha(*p)) return false;
  while (p < end && (is_alpha(*p) || is_digit(*p) || *p == '+' || *p == '-' || *p == '.')) ++p;
  if (p == end || *p != ':') return false;
  out.scheme_text = between(scheme, p);
  ++p;
  if (same_text(out.scheme_text, "sip")) {
    out.scheme = Scheme::sip;
  } else if (same_text(out.scheme_text, "sips")) {
    out.scheme = Scheme::sips;
  } else {
    out.scheme = same_text(out.scheme_text, "tel") ? Scheme::tel : same_text(out.scheme_text, "urn") ? Scheme::urn : Scheme::other;
    return parse_other(p, end);
  }
  return p < end && parse_sip(p, end, out);
}

// Declared as read_usual_uri.
template <typename Runs>
[[gnu::noinline]] const char* read_usual(const Runs& runs, const char* const text, const char* const end, Uri& out) noexcept {
  if (end - text < 5 || !begins_with_letters(text, "sip:")) return nullptr;
  out.scheme = Scheme::sip;
  out.scheme_text = between(text, text + 3);
  clear(out.user, out.password, out.params, out.headers);
  out.port = 0;
  out.port_zero = false;
  out.has_user = false;
  out.known_params = 0;
  const char* host = text + 4;
  const char* p = runs.plain_or_beyond(host, end);
  if (p == host) {
    if (*p != '+') return nullptr;
    p = runs.plain(host + 1, end);
    if (p == end || *p != '@') return nullptr;
  }
  if (p >= end) {
    p = end;
  } else if (*p == '@') {
    out.user = between(host, p);
    out.has_user = true;
    host = p + 1;
    p = runs.plain(host, end);
    if (p == host) return nullptr;
  }
  if (*host == '.' || *host == '-' || has_two_dots(text, host, p)) return nullptr;
  out.host = between(host, p);
  if (p < end && *p == ':') {
    p = read_port(p + 1, end, out.port);
    if (p == nullptr) return nullptr;
  }
  if (p == end || *p != ';') return p;
  const char* const params = p;
  uint32_t seen = 0;
  do {
    const char* const name = p + 1;
    p = runs.plain(name, end);
    if (p == name) return nullptr;
    const uint32_t bit = bit_of_uri_param(between(name, p));
    if ((seen & bit & kUri_once) != 0) return nullptr;
    seen |= bit;
    if (p < end && *p == '=') {
      const char* const value = p + 1;
      p = runs.skip(value, end, kChar_uri_param);
      if (p == value) return nullptr;
    }
  } while (p < end && *p == ';');
  out.params = between(params, p);
  out.known_params = static_cast<uint16_t>(seen);
  return p;
}

template <typename Runs>
bool parse_uri_by(const Runs& runs, Text text, Uri& out) noexcept {
  const char* const end = text.data() + text.size();
  const char* const behind = read_usual(runs, text.data(), end, out);
  return (behind != nullptr && behind == end) || parse_any(text, out);
}

}  // namespace

bool parse_uri(Text text, Uri& out) noexcept { return parse_uri_by(kRuns, text, out); }

bool parse_uri(const HeadMap& map, Text text, Uri& out) noexcept { return parse_uri_by(map, text, out); }

const char* read_usual_uri(const HeadMap& map, const char* p, const char* end, Uri& out) noexcept { return read_usual(map, p, end, out); }

bool find_uri_param(Text params, Text name, Text* value) noexcept {
  while (!params.empty()) {
    params.remove_prefix(1);  // the ';'
    const size_t behind = params.find(';');
    const Text param = params.substr(0, behind);
    const size_t equals = param.find('=');
    if (same_text(param.substr(0, equals), name)) {
      if (value != nullptr) *value = equals == Text::npos ? Text() : param.substr(equals + 1);
      return true;
    }
    if (behind == Text::npos) return false;
    params.remove_prefix(behind);
  }
  return false;
}

bool same_host(Text a, Text b) noexcept {
  a = host_body(a);
  b = host_body(b);
  if (same_text(a, b)) return true;
  Address first, second;
  return parse_ip(a, first) && parse_ip(b, second) && first.same_ip(second);
}

}  // namespace sluice
