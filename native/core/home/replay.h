// Reads what an earlier process left: the snapshot, then the journals that follow it. Each file is believed up to its first record that is
// not whole; nothing that stands in a file ends the process.
#pragma once

#include <string>
#include <vector>

#include "core/home/binding_table.h"

namespace sluice {

struct DamagedFile {
  std::string name;
  uint64_t at = 0;    // the octet from which on it was not read
  uint64_t lost = 0;  // octets from there on
};

// The files of a folder that count.
class StoredFiles {
 public:
  // An errno; 0: it was looked at.
  int find(const std::string& folder);

  // The name of a file that a later version of the program wrote.
  const std::string& newer() const noexcept { return newer_; }
  // Of the hashes in the files; false: there is no file that can be read.
  bool key(SipKey& out) const noexcept;

  void replay(BindingTable& table);
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
  std::vector<Stored> snapshots_;  // one at most
  std::vector<Stored> journals_;
  std::vector<DamagedFile> damaged_;
  uint64_t next_number_ = 1;
  uint64_t snapshot_octets_ = 0;
  uint64_t journal_octets_ = 0;
};

constexpr char kSnapshotName[] = "snapshot";
constexpr char kUnfinishedSnapshotName[] = "snapshot.new";

// Far beyond what a life of journals comes to; what has a higher number is none.
constexpr uint64_t kMaxJournalNumber = 999'999'999'999;

// The number in the name of a journal; false: it is none.
bool read_journal_name(Text name, uint64_t& number) noexcept;

// Deletes the journals before `number`; those that were found damaged are kept under another name, for whoever wants to look into them.
void delete_journals(const std::string& folder, uint64_t number, const std::vector<DamagedFile>& damaged);

}  // namespace sluice
