#include "core/home/snapshot.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "core/home/replay.h"
#include "core/home/store_file.h"

namespace sluice {
namespace {

constexpr size_t kWrittenAtOnce = 1 << 20;
// Synchronise as the file grows, so that the journal never has to wait for all of it.
constexpr uint64_t kSyncedAtOnce = 16 << 20;

int write_table(int fd, BindingTable& table, uint64_t journal, const std::atomic<bool>& stop, SnapshotFigures& figures) {
  std::string out;
  // With its pages touched, so that the kernel has nothing to provide while a lock is held.
  out.resize(kWrittenAtOnce + 2 * BindingTable::kPiece);
  out.resize(kFileHeader);
  write_file_header({FileKind::snapshot, table.key(), journal}, out.data());
  uint64_t unsynced = 0;
  BindingTable::Walk walk;
  for (bool more = true; more;) {
    if (stop.load(std::memory_order_relaxed)) return ECANCELED;
    more = table.copy_some(walk, out);
    figures.longest_lock = walk.longest;
    if (!more) RecordWriter(out, table.next_lsn(), 0, Text()).finish();
    if (more && out.size() < kWrittenAtOnce) continue;
    if (const int error = write_all(fd, out); error != 0) return error;
    figures.octets += out.size();
    unsynced += out.size();
    out.clear();
    if (more && unsynced < kSyncedAtOnce) continue;
    if (fdatasync(fd) != 0) return errno;
    unsynced = 0;
  }
  return 0;
}

}  // namespace

int write_snapshot(BindingTable& table, const std::string& folder, uint64_t journal, const std::atomic<bool>& stop, SnapshotFigures& figures) {
  const std::string path = folder + "/" + kUnfinishedSnapshotName;
  unlink(path.c_str());
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  int error = write_table(fd, table, journal, stop, figures);
  close(fd);
  if (error == 0 && rename(path.c_str(), (folder + "/" + kSnapshotName).c_str()) != 0) error = errno;
  if (error != 0) unlink(path.c_str());
  return error == 0 ? sync_folder(folder) : error;
}

}  // namespace sluice
