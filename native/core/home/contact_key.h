// The key of a plain Contact: its URI in a form that compares as RFC 3261 19.1.4 says, the same as in src/sip/uri-key.ts.
#pragma once

#include "core/base/edit_list.h"
#include "core/sip/uri.h"

namespace sluice {

// False: the URI is too complex for this: it has an escape, a password, headers, a method, a duplicate parameter, or too many parameters.
bool write_contact_key(const Uri& uri, Writer& out) noexcept;

}  // namespace sluice
