// Messages as a home proxy sends them: the copy of a request (RFC 3261 16.6), the CANCEL and ACK that follow it (9.1, 17.1.1.3), and a
// response on its way back (16.7 step 3), as src/sip/request.ts and src/sip/response.ts write them.
#pragma once

#include <string>
#include <vector>

#include "core/base/edit_list.h"
#include "core/relay/source.h"
#include "core/sip/message.h"

namespace sluice {

struct Forwarding {
  Text uri;
  Text own_lines;  // our Via and Record-Routes, with CRLF
  Text path;       // netstrings, the Route of the copy
  uint32_t max_breadth = 0;
  const Source* source = nullptr;  // that the request came from
  const std::vector<std::string>* realms = nullptr;  // ours, whose credentials end here
};

// False: no room.
bool write_forwarded(const Message& request, const Forwarding& forwarding, Writer& out) noexcept;

// What a CANCEL or ACK repeats of a copy.
struct CopyParts {
  Text uri;
  Text via;     // the top one, which is ours
  Text routes;  // lines with CRLF
  Text from, to, call_id;
  Text cseq;    // the number
};
// Reads what write_forwarded() wrote, which takes a fifth of what a scan does. False: it is no copy.
bool read_copy(Text copy, CopyParts& out) noexcept;

// A CANCEL or ACK of a request that we sent: only its own top Via, and the same Route. `lines`: with CRLF.
bool write_hop_by_hop(Text method, const CopyParts& sent, Text to, Text lines, Writer& out) noexcept;

// Without our Via. False: it was meant for us.
bool write_passed_on(const Message& response, Writer& out) noexcept;

}  // namespace sluice
