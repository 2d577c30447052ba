// What the Contacts of a request say that matters for outbound.
#pragma once

#include "core/sip/message.h"
#include "core/sip/name_addr.h"

namespace sluice {

// The Contact of a request that has a single one, without faults.
struct OnlyContact {
  bool is_read = false;  // else the rest means nothing
  NameAddr address;
  Uri uri;
};

// kContact_ob and so on, of all Contacts together, and how many there are.
uint32_t contact_flags(const Message& message, int32_t* count, OnlyContact& only) noexcept;

}  // namespace sluice
