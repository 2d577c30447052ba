// The format of changes to bindings in the journal and in a snapshot. Version 1, all numbers little-endian:
//
//   file    header, then records
//   header  64 octets: magic, version, kind, hash key, number, zeros, CRC-32C over all before it
//   record  32 octets: CRC-32C over the rest, size, LSN, hash of the address of record, its length, items, zeros; then the address (only
//           in a record with a put); then the items; each part padded to 8 octets
//   item    put    a binding as the table stores it (binding_block.h); its name is the LSN of the put
//           touch  name, expiry, update time and CSeq of a binding that was refreshed without other changes
//           drop   name
//
// A record is one operation and is valid as a whole or not at all. Item n of a record has the record's LSN plus n. A snapshot is a file of
// records with puts, each with the name and the age of its binding, and ends with a record without items.
#pragma once

#include <string>

#include "core/crypto/siphash.h"
#include "core/home/binding_block.h"

namespace sluice {

enum class FileKind : uint32_t { journal = 1, snapshot = 2 };

struct FileHeader {
  FileKind kind = FileKind::journal;
  SipKey key;           // for hashing addresses of record
  uint64_t number = 0;  // of the journal; in a snapshot: the first journal that follows it
};
constexpr size_t kFileHeader = 64;
constexpr uint32_t kFormatVersion = 1;

void write_file_header(const FileHeader& header, char* out) noexcept;

enum class HeaderFault : uint8_t { none, damaged, newer };
HeaderFault read_file_header(Text octets, FileHeader& out) noexcept;

constexpr size_t kRecordHead = 32;
constexpr size_t kLsnInRecord = 8;  // its position
constexpr size_t kMaxRecord = 8 << 20;

// Appends one record to `out`.
class RecordWriter {
 public:
  // `aor` is empty if there is no put.
  RecordWriter(std::string& out, uint64_t lsn, uint64_t hash, Text aor);
  void put(const BindingBlock& block);
  void touch(const BindingBlock& block);
  void drop(uint64_t name);
  void finish() noexcept;

 private:
  void pad();

  std::string& out_;
  const size_t begin_;
  uint16_t items_ = 0;
};

struct RecordItem {
  enum class Kind : uint8_t { put = 1, touch = 2, drop = 3 };
  Kind kind = Kind::drop;
  uint64_t name = 0;
  uint32_t age = 0;
  Binding binding;  // in a touch: expires, updated, cseq
};

// Reads one record; the octets must outlive it.
class RecordReader {
 public:
  enum class Result : uint8_t { whole, cut, damaged };
  Result read(Text octets) noexcept;

  size_t size() const noexcept { return size_; }
  uint64_t lsn() const noexcept { return lsn_; }
  uint64_t hash() const noexcept { return hash_; }
  Text aor() const noexcept { return aor_; }
  bool is_end() const noexcept { return items_ == 0; }
  uint16_t items() const noexcept { return items_; }

  // False: none is left, or the next one is invalid, which a correct checksum does not rule out; then `is_sound` is false too.
  bool next(RecordItem& item) noexcept;
  bool is_sound() const noexcept { return sound_; }

 private:
  bool read_put(Text octets, uint8_t form, RecordItem& item) noexcept;

  size_t size_ = 0;
  uint64_t lsn_ = 0;
  uint64_t hash_ = 0;
  Text aor_;
  Text left_;
  uint16_t items_ = 0;
  uint16_t read_ = 0;
  bool sound_ = true;
  char key_[kKeyScratch];
};

}  // namespace sluice
