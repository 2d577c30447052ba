#include "core/sip/start_line.h"

#include <algorithm>

#include "core/sip/char_class.h"
#include "core/sip/head_map.h"
#include "core/sip/lexer.h"
#include "core/sip/uri.h"

namespace sluice {

namespace {

bool starts_sip(Text text) noexcept { return text.size() >= 4 && begins_with_letters(text.data(), "sip/"); }

// "SIP" "/" 1*DIGIT "." 1*DIGIT
bool is_sip_version(Text text) noexcept {
  if (!starts_sip(text)) return false;
  text.remove_prefix(4);
  const size_t dot = text.find('.');
  if (dot == 0 || dot == Text::npos || dot + 1 == text.size()) return false;
  for (size_t i = 0; i < text.size(); ++i)
    if (i != dot && !is_digit(text[i])) return false;
  return true;
}

[[gnu::cold, gnu::noinline]] ScanError check_version(Text version) noexcept {
  if (same_text(version, "SIP/2.0")) return ScanError::none;
  return is_sip_version(version) ? ScanError::version : ScanError::start_line;
}

bool ends_with_version(Text line) noexcept {
  while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
  return is_sip_version(line.substr(line.find_last_of(" \t") + 1));
}

StartLineResult scan_status_line(Text line, Message& out) noexcept {
  const bool is_usual = line.starts_with("SIP/2.0 ");
  const size_t space = is_usual ? 7 : line.find(' ');
  const ScanError error = is_usual ? ScanError::none : check_version(line.substr(0, space));
  if (error != ScanError::none) return {error};
  if (space == Text::npos) return {ScanError::bad_status};
  const Text rest = line.substr(space + 1);
  if (rest.size() < 3 || !is_digit(rest[0]) || !is_digit(rest[1]) || !is_digit(rest[2])) return {ScanError::bad_status};
  // The SP behind the code is part of the grammar even before an empty phrase, but senders leave it out.
  if (rest.size() > 3 && rest[3] != ' ') return {ScanError::bad_status};
  const int status = (rest[0] - '0') * 100 + (rest[1] - '0') * 10 + (rest[2] - '0');
  if (status < 100 || status > 699) return {ScanError::bad_status};
  out.status = static_cast<uint16_t>(status);
  if (rest.size() > 4) out.reason = out.slice_of(rest.substr(4));
  return {};
}

ScanError check_request_uri(const HeadMap& map, Text text, const ScanLimits& limits, Message& out) noexcept {
  if (text.size() > limits.max_uri) return ScanError::uri_too_long;
  // Headers in a Request-URI are forbidden (RFC 3261 19.1.1).
  if (!parse_uri(map, text, out.uri) || !out.uri.headers.empty()) return ScanError::request_uri;
  out.request_uri = out.slice_of(text);
  return out.uri.scheme == Scheme::other ? ScanError::uri_scheme : ScanError::none;
}

ScanError scan_request_line(const HeadMap& map, Text line, const ScanLimits& limits, Message& out) noexcept {
  out.is_request = true;
  const size_t space = static_cast<size_t>(map.skip(line.data(), line.data() + line.size(), kChar_token) - line.data());
  if (space == 0 || space == line.size() || line[space] != ' ') return ScanError::start_line;
  const Text method = line.substr(0, space);
  if (method.size() > limits.max_token) return ScanError::token_too_long;
  out.method_text = out.slice_of(method);
  out.method = method_of(method);
  const Text rest = line.substr(space + 1);
  const bool is_usual = rest.ends_with(" SIP/2.0");
  const size_t last = is_usual ? rest.size() - 8 : rest.rfind(' ');
  if (last == Text::npos) return ScanError::start_line;
  const Text uri = rest.substr(0, last);
  if (uri.empty()) return ScanError::start_line;
  const ScanError version = is_usual ? ScanError::none : check_version(rest.substr(last + 1));
  const ScanError target = check_request_uri(map, uri, limits, out);
  // No URI has blanks.
  if (target != ScanError::none && std::any_of(uri.begin(), uri.end(), is_blank)) return ScanError::start_line;
  return version != ScanError::none ? version : target;
}

}  // namespace

StartLineResult scan_start_line(const HeadMap& map, Text line, const ScanLimits& limits, Message& out) noexcept {
  // No token contains '/', so this never mistakes a method for a version (GR-45).
  if (starts_sip(line)) return scan_status_line(line, out);
  const ScanError error = scan_request_line(map, line, limits, out);
  return {error, error == ScanError::none || ends_with_version(line)};
}

}  // namespace sluice
