// Writes the whole table to a file beside the journal, in the background; the locks of the table are held for small pieces only.
#pragma once

#include <atomic>
#include <string>

#include "core/home/binding_table.h"

namespace sluice {

struct SnapshotFigures {
  uint64_t octets = 0;
  uint64_t longest_lock = 0;  // nanoseconds
};

// Takes the place of the last one when it is whole and on the disk. `journal`: the first one that follows it, which was begun before.
// An errno; ECANCELED when `stop` was set.
int write_snapshot(BindingTable& table, const std::string& folder, uint64_t journal, const std::atomic<bool>& stop, SnapshotFigures& figures);

}  // namespace sluice
