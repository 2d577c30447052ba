// The beginning of a response of our own (RFC 3261 8.2.6), byte for byte as src/sip/response.ts writes it.
#pragma once

#include "core/base/edit_list.h"
#include "core/relay/source.h"
#include "core/sip/message.h"

namespace sluice {

// Everything before the lines that only this response has. `tag` is for a To without one; a 100 gets none, but the Timestamp of the request
// (RFC 3261 8.2.6.1). `keep_seconds` is the response to `keep` (RFC 6223 4.4), 0: none. False: no room.
bool write_response_head(const Message& request, const Source& source, int status, Text reason, Text tag, uint32_t keep_seconds, Writer& out) noexcept;

// The first Via value of a request, completed with the sender's actual address (RFC 3261 18.2.1, RFC 3581 4).
bool write_stamped_via(const Message& request, const Source& source, uint32_t keep_seconds, Writer& out) noexcept;

}  // namespace sluice
