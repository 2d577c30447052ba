// The Request-Line and the Status-Line (RFC 3261 7.1, 7.2).
#pragma once

#include "core/sip/scanner.h"

namespace sluice {

struct StartLineResult {
  ScanError error = ScanError::none;
  bool is_sip = true;  // false: nothing in the line suggests that the peer speaks SIP, so its framing means nothing either
};

// `line` is the line without its CRLF; it starts at the first octet of the message.
StartLineResult scan_start_line(const HeadMap& map, Text line, const ScanLimits& limits, Message& out) noexcept;

}  // namespace sluice
