// What the Contacts of a request say that matters for outbound and for a registrar. Read with the scan, while its map of the head exists.
#pragma once

#include "core/sip/name_addr.h"

namespace sluice {

struct Message;

// The Contact of a request that has a single one, without faults.
struct OnlyContact {
  bool is_read;  // else the rest means nothing
  NameAddr address;
  Uri uri;
};

// Sets `contact_count`, `contact_flags` and `contact`, all cleared before, of a message with Contacts.
void read_contacts(const HeadMap& map, Message& message) noexcept;

}  // namespace sluice
