// Reading what we wrote ourselves once more: a request that could not be sent is answered from its own text.
#pragma once

#include "core/sip/scanner.h"

namespace sluice {

// Scans one message at the head of `octets`, which has all of its body or none. The limits are those of the format, not of clients: a
// message at a client's limit is longer by our own lines once it left. False: it cannot be used; `message.is_framed` says whether its
// end is certain all the same.
bool scan_own_output(Text octets, Message& message) noexcept;

}  // namespace sluice
