// The option tags of RFC 5626, 3327 and 5627 that a REGISTER or its response lists. Read with the scan, while its map of the head exists.
#pragma once

namespace sluice {

class HeadMap;
struct Message;

// Sets `options` and `supports_plainly` of a REGISTER or of a response to one; the latter's Supported says nothing to a proxy and stays unread.
void read_options(const HeadMap& map, Message& message) noexcept;

}  // namespace sluice
