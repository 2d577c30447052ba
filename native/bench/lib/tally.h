// The results: completed exchanges, the messages in them, and everything that went wrong.
#pragma once

#include <string>

#include "message.h"

namespace sluice::bench {

// The Call-ID of everything that attackers send.
constexpr Text kAttackId = "attack";

struct Tally {
  uint64_t done = 0;
  // Messages that the edge received and sent on for completed exchanges.
  uint64_t messages = 0;
  uint64_t mismatched = 0;
  // Calls that ended before their 180 arrived, and 180s without a call: equally many if none is lost.
  uint64_t unrung = 0, late_180 = 0;
  // Messages of attackers that reached the core.
  uint64_t let_through = 0;
  uint64_t rounds = 0;
  uint64_t empty_rounds = 0;

  // Prints the first ones, since the count alone helps nobody.
  void mismatch(const char* why, const Message& m) {
    constexpr uint64_t kMostPrinted = 8;
    if (mismatched++ >= kMostPrinted) return;
    std::fprintf(stderr, "load: %s: %s %d to %s, flow %08x, %zu Via, %zu Route, Call-ID %.*s\n", why, std::string(m.response ? "response" : m.method).c_str(),
                 m.status, std::string(cseq_method(m)).c_str(), m.flow, m.via.count, m.routes, static_cast<int>(value_of(m.call_id).size()), value_of(m.call_id).data());
  }
};

}  // namespace sluice::bench
