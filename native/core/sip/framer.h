// Cuts a stream into keep-alives and messages (RFC 3261 7.5, 18.3; RFC 5626 4.4.1). The same octets give the same result however
// they were split.
#pragma once

#include "core/sip/scanner.h"

namespace sluice {

// What must be remembered between two reads of one stream; all zero at the start.
struct FramerState {
  uint8_t crlf = 0;       // octets of an unfinished CRLFCRLF seen, 0-3: they are consumed, not kept
  uint32_t searched = 0;  // octets of the unfinished head that were searched for its end
  uint32_t need = 0;      // whole size of the unfinished message once its head was scanned, else 0
};

enum class FrameKind : uint8_t {
  more,     // nothing whole yet; keep the octets behind `consumed`
  ping,     // a double CRLF was completed: answer with one CRLF
  message,  // `message` is whole (its `error` may be set: it is framed but wrong, the stream goes on)
  broken,   // framing is lost: answer `message.error` if that can be done, then close
};

struct Frame {
  FrameKind kind;
  uint32_t consumed;  // octets of `data` that are done with. A message starts at data + (consumed - message.size).
};

Frame next_frame(FramerState& state, const char* data, size_t size, const ScanLimits& limits, Message& message) noexcept;

}  // namespace sluice
