// Extracts complete SIP messages from a stream (RFC 3261 18.3), and the line ends between them, which answer pings (RFC 5626 3.5.1).
#pragma once

#include "message.h"

namespace sluice::bench {

// What a reader of octets returns if they make no sense.
constexpr size_t kBroken = SIZE_MAX;

// Calls f(message) for each complete message and counts line ends. Returns the octets used.
template <typename F>
size_t take_messages(Text text, unsigned& pongs, F&& f) {
  size_t used = 0;
  while (used < text.size()) {
    if (text[used] == '\r' || text[used] == '\n') {
      pongs += text[used++] == '\n';
      continue;
    }
    Message m;
    Read read = read_message(text.substr(used), m);
    if (read == Read::kBad) return kBroken;
    if (read == Read::kPartial) break;
    f(m);
    used += m.size;
  }
  return used;
}

}  // namespace sluice::bench
