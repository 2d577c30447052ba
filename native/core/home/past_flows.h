// Connections of an earlier run of this process: they are gone, but the bindings still show who registered over them, so that requests with
// their tokens can follow the device to its new connection (flow_owners.h).
#pragma once

#include "core/flow/flow_owners.h"
#include "core/home/binding_table.h"

namespace sluice {

// Reads them from a table that has just been restored. Bindings that only their connection kept alive are removed, unless they belong to
// an instance (RFC 5626 6), whose next REGISTER replaces them. Returns the number of flows known now.
size_t learn_past_flows(BindingTable& table, FlowOwners& owners);

}  // namespace sluice
