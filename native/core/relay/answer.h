// Responses that the edge generates itself (RFC 3261 8.2.6), only from slices that the scanner found well formed.
#pragma once

#include "core/relay/edge_config.h"
#include "core/base/edit_list.h"
#include "core/relay/source.h"
#include "core/sip/via.h"

namespace sluice {

// The usual reason phrase of a status code.
Text reason_of(int status) noexcept;

// Edits the top Via of a received request, whether it is relayed or answered: received and rport (RFC 3261 18.2.1, RFC 3581 4), and a
// value for keep (RFC 6223 4.4; 0: none). Positions are relative to `message`; `text` holds the insertions.
void stamp_top_via(const Message& message, const Via& via, const Source& source, uint32_t keep_seconds, Writer& text,
                   EditList& edits) noexcept;

struct Answer {
  int status = 500;
  Text reason;           // empty: the usual phrase
  Text to_tag;           // used if the request's To has none
  Text extra_headers;    // whole lines with their CRLF
  const Source* source = nullptr;  // to stamp the top Via; nullptr: the top Via is our own and is left out
};

// False: the request cannot be answered (no valid Via), or `out` is full.
bool write_answer(const Message& request, const Answer& answer, Writer& out) noexcept;

}  // namespace sluice
