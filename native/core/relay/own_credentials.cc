#include "core/relay/own_credentials.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr Text kRealm = "realm";

bool is_linear_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Without the escapes that a quoted string may have.
bool is_text_of(Text escaped, Text plain) noexcept {
  size_t at = 0;
  for (const char c : escaped) {
    if (c == '\\') continue;
    if (at == plain.size() || plain[at] != c) return false;
    ++at;
  }
  return at == plain.size();
}

}  // namespace

bool names_realm(Text credentials, const std::vector<std::string>& realms) noexcept {
  for (size_t at = 0; at + kRealm.size() < credentials.size(); ++at) {
    if (!same_text(credentials.substr(at, kRealm.size()), kRealm)) continue;
    size_t begin = at + kRealm.size();
    while (begin < credentials.size() && is_linear_space(credentials[begin])) ++begin;
    if (begin == credentials.size() || credentials[begin] != '=') continue;
    ++begin;
    while (begin < credentials.size() && (is_linear_space(credentials[begin]) || credentials[begin] == '"')) ++begin;
    const Text rest = credentials.substr(begin);
    const Text realm = rest.substr(0, std::min(rest.find_first_of("\", \t\r\n"), rest.size()));
    if (std::any_of(realms.begin(), realms.end(), [&](const std::string& ours) { return is_text_of(realm, ours); })) return true;
  }
  return false;
}

void cut_own_credentials(const Message& message, const std::vector<std::string>& realms, EditList& edits) noexcept {
  for (HeaderId id : {HeaderId::proxy_authorization, HeaderId::authorization})
    for (const HeaderLine* line = message.line(id); line != nullptr; line = message.next(*line))
      if (names_realm(message.value(*line), realms)) edits.cut(line->line_at, line->line_end);
}

}  // namespace sluice
