#include "core/home/best_response.h"

#include <algorithm>
#include <iterator>

#include "core/sip/lexer.h"

namespace sluice {
namespace {

// Among 4xx these tell the caller what would help.
constexpr int kHelpful[] = {401, 407, 415, 420, 484};
// A failed flow, a phone that did not answer, and a server that is busy say less than any other answer of their class.
constexpr int kGone = 430, kSilent = 408, kTerminated = 487, kOverloaded = 503;

// 6xx first, then the lowest class; the least informative last.
int rank(int status) noexcept {
  if (status >= 600) return 0;
  const int* const helpful = std::find(std::begin(kHelpful), std::end(kHelpful), status);
  if (helpful != std::end(kHelpful)) return 40 + static_cast<int>(helpful - kHelpful);
  if (status == kGone) return 48;
  return status / 100 * 10 + (status == kSilent || status == kTerminated ? 7 : status == kOverloaded ? 9 : 5);
}

bool is_challenge(int status) noexcept { return status == 401 || status == 407; }

bool has_name(Text line, Text name) noexcept {
  if (line.size() <= name.size() || !same_text(line.substr(0, name.size()), name)) return false;
  size_t at = name.size();
  while (at < line.size() && (line[at] == ' ' || line[at] == '\t')) ++at;
  return at < line.size() && line[at] == ':';
}

size_t head_of(Text response) noexcept {
  const size_t end = response.find("\r\n\r\n");
  return end == Text::npos ? response.size() : end + 2;
}

// The fields with challenges, each with its folded lines.
void put_challenges(Text head, Writer& out) noexcept {
  bool in_challenge = false;
  for (size_t at = head.find('\n') + 1, end; at < head.size() && (end = head.find('\n', at)) != Text::npos; at = end + 1) {
    const Text line = head.substr(at, end + 1 - at);
    if (line[0] != ' ' && line[0] != '\t') in_challenge = has_name(line, "WWW-Authenticate") || has_name(line, "Proxy-Authenticate");
    if (in_challenge) out.put(line);
  }
}

}  // namespace

void BestResponse::hear(const Message& response, Writer room) noexcept {
  const Text given(response.data, response.size);
  const bool is_better = empty() || rank(response.status) < rank(status_);
  const Text chosen = is_better ? given : text(), other = is_better ? text() : given;
  // The chosen response has only one of those challenges that the caller must answer.
  const bool takes_challenges = !other.empty() && is_challenge(response.status) && is_challenge(status_);
  if (is_better) status_ = response.status;
  const size_t head = head_of(chosen);
  if (takes_challenges) {
    room.put(chosen.substr(0, head));
    put_challenges(other.substr(0, head_of(other)), room);
    room.put(chosen.substr(head));
    if (!room.full() && room.size() <= kMost) return void(octets_.keep(room.text()));
  }
  if (is_better) octets_.keep(given);
}

bool BestResponse::restore(Text octets, int status) noexcept {
  status_ = status;
  return octets.empty() || octets_.keep(octets);
}

}  // namespace sluice
