#include "core/home/plain_request.h"

#include <algorithm>

#include "core/relay/uri_place.h"
#include "core/sip/name_addr.h"

namespace sluice {
namespace {

// As in src/proxy and src/registrar.
constexpr size_t kMostBreadthDigits = 9;
constexpr size_t kMostAorOctets = 512;
// Lines that a proxy removes; an EditList holds more.
constexpr unsigned kMostRemoved = 32;

bool is_continued(Text value) noexcept { return value.find('\r') != Text::npos; }

bool is_single(const Message& message, HeaderId id) noexcept {
  const HeaderLine* const line = message.line(id);
  return line == nullptr || message.next(*line) == nullptr;
}

bool is_removable(HeaderId id) noexcept {
  switch (id) {
    case HeaderId::route:
    case HeaderId::max_forwards:
    case HeaderId::max_breadth:
    case HeaderId::service_route:
    case HeaderId::p_asserted_identity:
    case HeaderId::flow_timer:
    case HeaderId::authorization:
    case HeaderId::proxy_authorization: return true;
    default: return false;
  }
}

// Whether all values of Record-Route are addresses (RFC 3261 16.3 step 1).
bool has_sound_routes(const Message& message) noexcept {
  for (const HeaderLine* line = message.line(HeaderId::record_route); line != nullptr; line = message.next(*line)) {
    ValueList values(message.value(*line));
    NameAddr address;
    Uri uri;
    for (Text value; values.next(value);)
      if (!parse_name_addr(value, address) || !parse_uri(address.uri_text, uri)) return false;
    if (!values.is_sound()) return false;
  }
  return true;
}

// 0: for the object path.
uint32_t breadth_of(const Message& message) noexcept {
  const HeaderLine* const line = message.line(HeaderId::max_breadth);
  if (line == nullptr) return kMostBreadth;
  const Text value = message.value(*line);
  uint32_t breadth = 0;
  if (value.empty() || value.size() > kMostBreadthDigits) return kMostBreadth;
  for (const char c : value) {
    if (!is_digit(c)) return kMostBreadth;
    breadth = breadth * 10 + static_cast<uint32_t>(c - '0');
  }
  return std::min(breadth, kMostBreadth);
}

bool read_callee(const Message& message, const ServedDomains& domains, std::string& aor) noexcept {
  const Uri& uri = message.uri;
  if (message.request_uri.empty() || uri.scheme != Scheme::sip || !uri.has_user) return false;
  const Text host = domains.shown(uri.host);
  // An escape may mean the same as the character; a GRUU names one of the devices (RFC 5627).
  if (host.empty() || uri.user.find('%') != Text::npos || (uri.known_params & kUri_gr)) return false;
  aor.assign("sip:").append(uri.user).append("@").append(host);
  return aor.size() <= kMostAorOctets;
}

}  // namespace

bool has_cookie(const Message& message) noexcept {
  return message.has_via && message.via.branch.size() > kMagicCookie.size() && message.via.branch.substr(0, kMagicCookie.size()) == kMagicCookie;
}

bool read_copyable(const Message& message, PlainRequest& out) noexcept {
  if (!has_cookie(message) || is_continued(message.value(*message.line(HeaderId::via)))) return false;
  // What follows a datagram's head belongs to it even without Content-Length.
  if (message.content_length < 0 && !message.body().empty()) return false;
  const auto* const end = message.lines + message.line_count;
  if (std::count_if(message.lines, end, [](const HeaderLine& line) { return is_removable(line.id); }) > static_cast<int>(kMostRemoved)) return false;
  out.max_breadth = breadth_of(message);
  return out.max_breadth != 0;
}

bool read_plain_request(const Message& message, uint32_t contact, const ServedDomains& domains, PlainRequest& out) noexcept {
  if (!read_copyable(message, out)) return false;
  if ((contact & (kContact_bad | kContact_star)) != 0 || message.line(HeaderId::path) != nullptr) return false;
  for (const HeaderId id : {HeaderId::expires, HeaderId::max_breadth, HeaderId::event})
    if (!is_single(message, id)) return false;
  if (!has_sound_routes(message) || !read_callee(message, domains, out.aor)) return false;
  const Text from = message.text(message.from_value);
  NameAddr caller;
  Uri uri;
  if (is_continued(from) || !parse_name_addr(from, caller)) return false;
  out.caller_realm = parse_uri(caller.uri_text, uri) && is_sip(uri) ? domains.shown(uri.host) : Text();
  return true;
}

}  // namespace sluice
