#include "core/home/replay.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>

#include "core/home/journal.h"
#include "core/home/store_file.h"

namespace sluice {
namespace {

// The names of everything in a folder; on failure, sets `error` to an errno.
std::vector<std::string> names_in(const std::string& folder, int& error) {
  std::vector<std::string> names;
  DIR* const directory = opendir(folder.c_str());
  error = directory == nullptr ? errno : 0;
  if (directory == nullptr) return names;
  while (const dirent* const entry = readdir(directory)) names.emplace_back(entry->d_name);
  closedir(directory);
  return names;
}

}  // namespace

bool read_journal_name(Text name, uint64_t& number) noexcept {
  constexpr Text kPrefix = "journal.";
  if (name.substr(0, kPrefix.size()) != kPrefix) return false;
  const Text digits = name.substr(kPrefix.size());
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() && end == digits.data() + digits.size() && number <= kMaxJournalNumber;
}

int StoredFiles::find(const std::string& folder) {
  folder_ = folder;
  int error;
  for (const std::string& name : names_in(folder, error)) {
    uint64_t number;
    if (name == kSnapshotName) add(name, FileKind::snapshot, 0);
    else if (read_journal_name(name, number)) add(name, FileKind::journal, number);
  }
  std::sort(journals_.begin(), journals_.end(), [](const Stored& a, const Stored& b) { return a.header.number < b.header.number; });
  return error;
}

void StoredFiles::add(const std::string& name, FileKind kind, uint64_t number) {
  Stored file{name, {kind, {}, number}, HeaderFault::damaged, 0};
  FileReader reader(folder_ + "/" + name);
  reader.more();
  file.size = reader.size();
  FileHeader header;
  if (reader.fault() == 0) file.fault = read_file_header(reader.octets(), header);
  if (file.fault == HeaderFault::newer) newer_ = name;
  const bool fits = header.kind == kind && (kind == FileKind::snapshot || header.number == number);
  if (file.fault == HeaderFault::none && fits) file.header = header;
  else file.fault = HeaderFault::damaged;
  if (kind == FileKind::journal) next_number_ = std::max(next_number_, number + 1);
  else if (fits) next_number_ = std::max(next_number_, header.number);
  (kind == FileKind::snapshot ? snapshots_ : journals_).push_back(std::move(file));
}

bool StoredFiles::key(SipKey& out) const noexcept {
  for (const auto* list : {&snapshots_, &journals_})
    for (const Stored& file : *list)
      if (file.fault == HeaderFault::none) {
        out = file.header.key;
        return true;
      }
  return false;
}

uint64_t StoredFiles::replay_snapshot(BindingTable& table) {
  uint64_t first = 0;
  for (const Stored& file : snapshots_) {
    if (file.fault == HeaderFault::none) first = file.header.number;
    snapshot_octets_ = file.size;
    replay_file(file, table);
  }
  for (const Stored& file : journals_)
    if (file.header.number >= first) return file.header.number;
  return first;
}

void StoredFiles::replay(BindingTable& table) {
  const uint64_t first = replay_snapshot(table);
  for (const Stored& file : journals_) {
    if (file.header.number < first) continue;
    journal_octets_ += file.size;
    replay_file(file, table);
  }
}

void StoredFiles::replay_file(const Stored& file, BindingTable& table) {
  FileReader reader(folder_ + "/" + file.name);
  const auto give_up = [&] {
    const uint64_t at = std::min(reader.position(), file.size);
    damaged_.push_back({file.name, at, file.size - at});
    // Do not reuse numbers that the unread part may contain.
    table.skip_lsn_to(table.next_lsn() + (file.size - at));
  };
  const SipKey& key = file.header.key;
  if (file.fault != HeaderFault::none || key.k0 != table.key().k0 || key.k1 != table.key().k1) return give_up();
  if (!reader.more() || reader.octets().size() < kFileHeader) return give_up();
  reader.skip(kFileHeader);
  RecordReader record;
  bool has_end = file.header.kind == FileKind::journal;
  for (;;) {
    switch (record.read(reader.octets())) {
      case RecordReader::Result::whole:
        if (record.is_end()) has_end = true;
        else if (!table.restore(record)) return give_up();
        reader.skip(record.size());
        break;
      case RecordReader::Result::cut:
        if (reader.more()) break;
        if (!reader.octets().empty() || reader.fault() != 0 || !has_end) give_up();
        return;
      case RecordReader::Result::damaged:
        return give_up();
    }
  }
}

void delete_journals(const std::string& folder, uint64_t first, const std::vector<DamagedFile>& damaged) {
  int error;
  std::vector<std::pair<uint64_t, std::string>> old;
  for (const std::string& name : names_in(folder, error))
    if (uint64_t number; read_journal_name(name, number) && number < first) old.emplace_back(number, folder + "/" + name);
  std::sort(old.begin(), old.end());
  for (const auto& entry : old) {
    const std::string& path = entry.second;
    const bool keeps = std::any_of(damaged.begin(), damaged.end(), [&](const DamagedFile& file) { return folder + "/" + file.name == path; });
    if (keeps) rename(path.c_str(), (folder + "/damaged-journal").c_str());
    else unlink(path.c_str());
  }
}

}  // namespace sluice
