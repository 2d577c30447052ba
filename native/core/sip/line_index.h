// The first pass over a head: where its lines end, and whether an octet stands in it that no SIP head may hold.
#pragma once

#include "core/sip/message.h"

namespace sluice {

struct LineIndex {
  ScanError fault = ScanError::none;  // the first of line_end, control_octet
  bool escaped_control = false;       // a control octet behind a backslash: legal in a quoted string only, which is not looked at here
  bool overflow = false;              // more than `most` header fields
  uint8_t count = 0;
  uint32_t head_end = 0;        // behind the empty line; 0: it was not reached
  uint16_t start_line_end = 0;  // its CRLF; 0: no line ends
};

// Fills line_at and line_end of `lines` (`most` of them); a field goes on over its folds. At most 65,535 octets.
LineIndex index_lines(const char* head, size_t size, uint8_t most, HeaderLine* lines) noexcept;

// True when an LF without a CR before it stands behind the first `searched` octets.
bool has_bare_lf(const char* data, size_t size, size_t searched) noexcept;

}  // namespace sluice
