// Reads what an earlier process left: the snapshot, then the journals that follow it. Each file is valid up to its first incomplete
// record; no content of a file can crash the process.
#pragma once

#include <string>
#include <vector>

#include "core/home/binding_table.h"

namespace sluice {

struct DamagedFile {
  std::string name;
  uint64_t at = 0;    // the position after which it was not read
  uint64_t lost = 0;  // number of octets from there on
};

// The store's files in a folder.
class StoredFiles {
 public:
  // Scans the folder; 0 or an errno.
  int find(const std::string& folder);

  // The name of a file written by a later version of the program.
  const std::string& newer() const noexcept { return newer_; }
  // The key of the hashes in the files; false: there is no readable file.
  bool key(SipKey& out) const noexcept;

  void replay(BindingTable& table);
  // Only the snapshot; returns the number of the journal that follows it.
  uint64_t replay_snapshot(BindingTable& table);
  const std::vector<DamagedFile>& damaged() const noexcept { return damaged_; }

  uint64_t next_number() const noexcept { return next_number_; }
  uint64_t snapshot_octets() const noexcept { return snapshot_octets_; }
  uint64_t journal_octets() const noexcept { return journal_octets_; }

 private:
  struct Stored {
    std::string name;
    FileHeader header;
    HeaderFault fault = HeaderFault::none;
    uint64_t size = 0;
  };
  void add(const std::string& name, FileKind kind, uint64_t number);
  void replay_file(const Stored& file, BindingTable& table);

  std::string folder_;
  std::string newer_;
  std::vector<Stored> snapshots_;  // at most one
  std::vector<Stored> journals_;
  std::vector<DamagedFile> damaged_;
  uint64_t next_number_ = 1;
  uint64_t snapshot_octets_ = 0;
  uint64_t journal_octets_ = 0;
};

constexpr char kSnapshotName[] = "snapshot";
constexpr char kUnfinishedSnapshotName[] = "snapshot.new";

// Far more journals than anyone will ever write; a higher number is not a journal's.
constexpr uint64_t kMaxJournalNumber = 999'999'999'999;

// The number in the name of a journal; false: not a journal.
bool read_journal_name(Text name, uint64_t& number) noexcept;

// Deletes the journals before `number`; damaged ones are kept under another name, in case someone wants to examine them.
void delete_journals(const std::string& folder, uint64_t number, const std::vector<DamagedFile>& damaged);

}  // namespace sluice
