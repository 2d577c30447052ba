// Reads our own output again: a request that could not be sent is answered from its own text.
#pragma once

#include "core/sip/scanner.h"

namespace sluice {

// Scans one message at the start of `octets`, which contain its whole body or none of it. The limits are those of the format, not those
// for clients: our own lines may lengthen a message beyond a client's limit. False: unusable; `message.is_framed` still says whether its
// end is certain.
bool scan_own_output(Text octets, Message& message) noexcept;

}  // namespace sluice
