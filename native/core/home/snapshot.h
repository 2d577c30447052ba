// Writes the whole table to a file next to the journal, in the background; holds the table's locks only for small pieces.
#pragma once

#include <atomic>
#include <string>

#include "core/home/binding_table.h"

namespace sluice {

struct SnapshotFigures {
  uint64_t octets = 0;
  uint64_t longest_lock = 0;  // nanoseconds
};

// Replaces the previous snapshot once it is complete and on disk. `journal`: the first one that follows it, already begun. Returns 0 or
// an errno; ECANCELED if `stop` was set.
int write_snapshot(BindingTable& table, const std::string& folder, uint64_t journal, const std::atomic<bool>& stop, SnapshotFigures& figures);

}  // namespace sluice
