// The id of a header field name, in any case and in compact form (RFC 3261 7.3.1, 7.3.3).
#pragma once

#include "core/sip/message.h"

namespace sluice {

HeaderId header_id(Text name) noexcept;

}  // namespace sluice
