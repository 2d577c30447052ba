// What the Contacts of a request say that matters for outbound.
#pragma once

#include "core/sip/message.h"

namespace sluice {

// kContact_ob and so on, of all Contacts together; adds how many there are to `count`.
uint32_t contact_flags(const Message& message, int32_t* count) noexcept;

}  // namespace sluice
