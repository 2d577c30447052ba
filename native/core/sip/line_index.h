// The first pass over a head: where its lines end, and whether it contains an octet that no SIP head may contain.
#pragma once

#include "core/sip/head_map.h"
#include "core/sip/message.h"

namespace sluice {

struct LineIndex {
  ScanError fault = ScanError::none;  // the first of line_end, control_octet
  bool escaped_control = false;       // a control octet after a backslash: legal only in a quoted string, which this pass cannot see
  bool overflow = false;              // more than `most` header fields
  uint8_t count = 0;
  size_t head_end = 0;          // after the empty line; 0: not reached
  size_t start_line_end = 0;    // at its CRLF; 0: no line ends
};

// Fills line_at and line_end of `lines` (at most `most`); a field includes its folds. At most 65,535 octets. Extends `map`, fresh and of this
// head, over all lines found.
LineIndex index_lines(const char* head, size_t size, uint8_t most, HeaderLine* lines, HeadMap& map) noexcept;

// True if an LF without a CR before it comes after the first `searched` octets.
bool has_bare_lf(const char* data, size_t size, size_t searched) noexcept;

}  // namespace sluice
