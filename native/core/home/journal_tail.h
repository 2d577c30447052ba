// Reads journals to which another process still writes: what it has added since the last time, from file to file.
#pragma once

#include <string>

#include "core/home/binding_table.h"

namespace sluice {

class JournalTail {
 public:
  // From that place of that journal on, which need not be there yet. `key`: that of its hashes.
  JournalTail(std::string folder, const SipKey& key, uint64_t number, uint64_t at) : folder_(std::move(folder)), key_(key), number_(number), at_(at) {}
  ~JournalTail();
  JournalTail(const JournalTail&) = delete;
  JournalTail& operator=(const JournalTail&) = delete;

  // Applies what is new. False: it cannot be read, or what it says is no record.
  bool catch_up(BindingTable& table);
  // The same, up to this place and no further; false also if it is not there.
  bool finish(BindingTable& table, uint64_t number, uint64_t at);

  uint64_t number() const noexcept { return number_; }
  uint64_t at() const noexcept { return at_; }           // behind the last whole record
  uint64_t before() const noexcept { return before_; }   // octets of the journals before this one

 private:
  enum class Read : uint8_t { all, damaged, failed };
  Read read_on(BindingTable& table);
  bool open_file();
  bool is_continued() const noexcept;
  void next_file() noexcept;

  const std::string folder_;
  const SipKey key_;
  uint64_t number_;
  uint64_t at_;
  uint64_t before_ = 0;
  uint64_t until_ = UINT64_MAX;
  int fd_ = -1;
  std::string buffer_;
};

}  // namespace sluice
