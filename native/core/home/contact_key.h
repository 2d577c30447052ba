// The key of a plain Contact: its URI made comparable (RFC 3261 19.1.4), as src/sip/uri-key.ts writes it.
#pragma once

#include "core/base/edit_list.h"
#include "core/sip/uri.h"

namespace sluice {

// False: the URI has something that takes more to compare: an escape, a password, headers, a method, a parameter twice, or very many.
bool write_contact_key(const Uri& uri, Writer& out) noexcept;

}  // namespace sluice
