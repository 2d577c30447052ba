// The client that a request comes from, as in src/auth/claimant.ts.
#pragma once

#include "core/shard/turn.h"
#include "core/sip/address.h"

namespace sluice {

// Behind a trusted neighbour it is in the Via below the neighbour's own (RFC 3261 18.2.1). False: the neighbour does not say; then `client`
// is the neighbour.
inline bool find_client(const Item& item, Address& client) noexcept {
  client = item.source.remote;
  if (!item.source.from_core) return true;
  if (item.message.via_count < 2) return false;
  const ViaName& via = item.message.vias[1];
  return parse_ip(item.message.text(via.received.empty() ? via.host : via.received), client);
}

}  // namespace sluice
