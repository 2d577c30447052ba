// What all shards of a process know of flows together.
#pragma once

#include "core/flow/flow_origins.h"
#include "core/flow/flow_owners.h"
#include "core/flow/source_shares.h"

namespace sluice {

struct FlowCommons {
  explicit FlowCommons(const SipKey& owners_key) : owners(owners_key, kOwnerOctets) {}

  SourceShares shares;   // what each source holds
  FlowOwners owners;     // who registered over a flow
  FlowOrigins origins;   // where a connection came from

 private:
  static constexpr size_t kOwnerOctets = 64 << 20;
};

}  // namespace sluice
