#include "core/observe/wire_tap.h"

#include <cstring>
#include <ctime>

namespace sluice {
namespace {

bool is_name_char(char c) noexcept {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '-' || c == '.' || c == '_';
}

// Finds `aor` (user@host) as a whole in a URI: neither "jimbob@example.com" nor "bob@example.com.au" contains "bob@example.com".
bool holds_aor(Text value, Text aor) noexcept {
  const size_t user = aor.find('@');
  if (user == Text::npos) return false;
  for (size_t sign = value.find('@'); sign != Text::npos; sign = value.find('@', sign + 1)) {
    if (sign < user || !same_text(value.substr(sign - user, aor.size()), aor)) continue;
    const size_t at = sign - user;
    const size_t behind = at + aor.size();
    const bool starts = at == 0 || value[at - 1] == ':' || value[at - 1] == '<';
    if (starts && (behind == value.size() || !is_name_char(value[behind]))) return true;
  }
  return false;
}

bool starts_with(Text text, Text beginning) noexcept {
  return text.size() >= beginning.size() && same_text(text.substr(0, beginning.size()), beginning);
}

// What a digest header may show: it names the user and the algorithm, but proves nothing.
bool is_harmless_param(Text name) noexcept {
  for (Text known : {Text("username"), Text("realm"), Text("uri"), Text("algorithm"), Text("qop"), Text("nc"), Text("opaque"), Text("stale")})
    if (same_text(name, known)) return true;
  return false;
}

// SIP/2.0 200 of a REGISTER, or 300 and above of anything.
bool is_outcome(Text response) noexcept {
  if (!starts_with(response, "SIP/2.0 ") || response.size() < 12 || response[8] < '2') return false;
  if (response[8] > '2') return true;
  for (size_t line = response.find('\n'); line != Text::npos && line + 1 < response.size(); line = response.find('\n', line + 1)) {
    const Text rest = response.substr(line + 1);
    if (!starts_with(rest, "cseq")) continue;
    const Text value = rest.substr(0, rest.find('\r'));
    return value.size() > 8 && value.substr(value.size() - 8) == "REGISTER";
  }
  return false;
}

void blank(char* from, char* to) noexcept {
  for (; from < to; ++from)
    if (*from != '\r' && *from != '\n' && *from != '"') *from = 'x';
}

void scrub_value(char* p, char* end) noexcept {
  while (p < end && (*p == ' ' || *p == '\t')) ++p;
  if (!starts_with(Text(p, static_cast<size_t>(end - p)), "digest")) {
    char* blank_at = p;
    while (blank_at < end && *blank_at != ' ') ++blank_at;
    return blank(blank_at == end ? p : blank_at + 1, end);
  }
  p += 6;
  while (p < end) {
    while (p < end && !is_name_char(*p)) ++p;
    const char* name = p;
    while (p < end && is_name_char(*p)) ++p;
    const Text name_text(name, static_cast<size_t>(p - name));
    while (p < end && *p != '=' && *p != ',') ++p;
    if (p == end || *p == ',') continue;
    ++p;
    while (p < end && (*p == ' ' || *p == '\t')) ++p;
    char* value = p;
    const bool quoted = p < end && *p == '"';
    if (quoted) ++p;
    while (p < end && (quoted ? *p != '"' : *p != ',')) p += quoted && *p == '\\' && p + 1 < end ? 2 : 1;
    if (!is_harmless_param(name_text)) blank(value, p);
    if (quoted && p < end) ++p;
  }
}

// The password of a URI, sip:user:password@host (RFC 3261 19.1.1).
void scrub_uris(char* p, char* end) noexcept {
  for (; end - p > 4; ++p) {
    const Text rest(p, static_cast<size_t>(end - p));
    if (!starts_with(rest, "sip:") && !starts_with(rest, "sips:")) continue;
    p += lower(p[3]) == 's' ? 5 : 4;
    char* colon = nullptr;
    for (; p < end && Text(" \t\r\n<>\"@").find(*p) == Text::npos; ++p) {
      if (colon == nullptr && *p == ':') colon = p;
      else if (colon != nullptr && (*p == ';' || *p == '?')) break;  // that was a port
    }
    if (p < end && *p == '@' && colon != nullptr) blank(colon + 1, p);
  }
}

// A bearer token (RFC 6750), in any field.
void scrub_bearer(char* p, char* end) noexcept {
  for (; end - p > 7; ++p)
    if (starts_with(Text(p, static_cast<size_t>(end - p)), "bearer ")) return blank(p + 7, end);
}

void scrub_field(char* line, char* end) noexcept {
  const Text text(line, static_cast<size_t>(end - line));
  auto* colon = static_cast<char*>(std::memchr(line, ':', text.size()));
  if (colon == nullptr) return;
  if (starts_with(text, "authorization") || starts_with(text, "proxy-authorization")) scrub_value(colon + 1, end);
  else if (starts_with(text, "cookie") || starts_with(text, "set-cookie")) blank(colon + 1, end);
  else scrub_bearer(colon + 1, end);
}

// Keys in session descriptions (RFC 4568, RFC 8839 5.4, RFC 4567, RFC 8866 5.12).
void scrub_description(char* line, char* end) noexcept {
  const Text text(line, static_cast<size_t>(end - line));
  for (Text secret : {Text("a=ice-pwd:"), Text("k="), Text("a=key-mgmt:")})
    if (starts_with(text, secret)) return blank(line + secret.size(), end);
  const size_t at = starts_with(text, "a=crypto:") ? text.find("inline:") : Text::npos;
  if (at != Text::npos) blank(line + at + 7, end);
}

}  // namespace

void scrub_credentials(char* data, size_t size) noexcept {
  char* const end = data + size;
  bool body = false;
  for (char* line = data; line < end;) {
    auto* feed = static_cast<char*>(std::memchr(line, '\n', static_cast<size_t>(end - line)));
    char* next = feed == nullptr ? end : feed + 1;
    if (!body) {
      if (next - line <= 2) body = true;
      // A folded field continues on the next line.
      while (!body && next < end && (*next == ' ' || *next == '\t')) {
        feed = static_cast<char*>(std::memchr(next, '\n', static_cast<size_t>(end - next)));
        next = feed == nullptr ? end : feed + 1;
      }
      scrub_field(line, next);
    } else {
      scrub_description(line, next);
    }
    scrub_uris(line, next);
    line = next;
  }
}

WireTap::WireTap(std::vector<TapFilter> filters, const SipKey& key) noexcept : filters_(std::move(filters)), key_(key) {}

uint32_t WireTap::match(const Message& message) const noexcept {
  uint32_t bits = 0;
  for (size_t i = 0; i < filters_.size(); ++i) {
    const TapFilter& filter = filters_[i];
    const Text call_id = message.text(message.call_id);
    bool met = false;
    switch (filter.kind) {
      case TapFilter::all:
        met = filter.sample <= 1 || siphash(key_, call_id.data(), call_id.size()) % filter.sample == 0;
        break;
      case TapFilter::aor:
        met = holds_aor(message.text(message.to_value), filter.text) || holds_aor(message.text(message.from_value), filter.text) ||
              holds_aor(message.text(message.request_uri), filter.text);
        break;
      case TapFilter::call_id:
        met = call_id == filter.text;
        break;
      case TapFilter::address:
      case TapFilter::outcome:
        break;
    }
    if (met) bits |= 1u << i;
  }
  return bits;
}

uint32_t WireTap::match(const Address& peer) const noexcept {
  uint32_t bits = 0;
  for (size_t i = 0; i < filters_.size(); ++i) {
    const TapFilter& filter = filters_[i];
    if (filter.kind == TapFilter::address && filter.peer.same_ip(peer) && (filter.peer.port == 0 || filter.peer.port == peer.port)) bits |= 1u << i;
  }
  return bits;
}

uint32_t WireTap::match_outcome(Text response) const noexcept {
  uint32_t bits = 0;
  for (size_t i = 0; i < filters_.size(); ++i)
    if (filters_[i].kind == TapFilter::outcome) bits |= 1u << i;
  return bits != 0 && is_outcome(response) ? bits : 0;
}

void WireTap::put(uint32_t filters, bool sent, const Address& peer, uint16_t listener, Text head, Text body) noexcept {
  const size_t size = head.size() + body.size();
  if (octets_.size() + sizeof(TapHead) + size > kMaxOctets) {
    ++lost_;
    return;
  }
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  TapHead record{};
  record.time_us = static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
  record.size = static_cast<uint32_t>(size);
  record.filters = filters;
  std::memcpy(record.ip, peer.ip, sizeof record.ip);
  record.port = peer.port;
  record.listener = listener;
  record.sent = sent;
  const size_t at = octets_.size();
  octets_.resize(at + sizeof record + size);
  char* out = octets_.data() + at;
  std::memcpy(out, &record, sizeof record);
  std::memcpy(out + sizeof record, head.data(), head.size());
  if (!body.empty()) std::memcpy(out + sizeof record + head.size(), body.data(), body.size());
  scrub_credentials(out + sizeof record, size);
}

std::vector<char> WireTap::drain(uint64_t& lost) noexcept {
  lost = lost_;
  lost_ = 0;
  std::vector<char> all;
  all.swap(octets_);
  return all;
}

}  // namespace sluice
