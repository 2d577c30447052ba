// Cuts a stream into keep-alives and messages (RFC 3261 7.5, 18.3; RFC 5626 4.4.1). The result does not depend on how the octets were
// split.
#pragma once

#include "core/sip/scanner.h"

namespace sluice {

// What must be remembered between two reads of a stream; all zero at the start.
struct FramerState {
  uint8_t crlf = 0;       // octets seen of an unfinished CRLFCRLF, 0-3: consumed, not kept
  uint32_t searched = 0;  // octets of the unfinished head already searched for its end
  uint32_t need = 0;      // total size of the unfinished message once its head has been scanned, else 0
};

enum class FrameKind : uint8_t {
  more,     // nothing complete yet; keep the octets after `consumed`
  ping,     // a double CRLF is complete: answer with one CRLF
  message,  // `message` is complete (its `error` may be set: framed but faulty, and the stream goes on)
  broken,   // framing is lost: answer `message.error` if possible, then close
};

struct Frame {
  FrameKind kind;
  uint32_t consumed;  // octets of `data` that are dealt with. A message starts at data + (consumed - message.size).
};

Frame next_frame(FramerState& state, const char* data, size_t size, const ScanLimits& limits, Message& message) noexcept;

}  // namespace sluice
