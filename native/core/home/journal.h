// The changes of the bindings on disk, in files that begin anew with each snapshot. One for the process: the order of its records is the
// order of the changes of each address. What was written before an answer leaves is there after kill -9; what was synchronised, after a
// power cut.
//
// A disk that is full or fails: what could not be written is known by its numbers, and nothing is taken on until a new file can be made.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "core/home/binding_table.h"

namespace sluice {

class Journal final : public ChangeLog {
 public:
  Journal(std::string folder, const SipKey& key) : folder_(std::move(folder)), key_(key) {}
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Goes on in file `number`; an errno, 0 when all is well. What was waiting is written to the old one before. `next_lsn`: of the table.
  int begin(uint64_t number, uint64_t next_lsn) noexcept;

  // There is no file to begin with.
  void give_up(int error) noexcept;

  // Waits in memory for the next flush; is lost while the disk fails.
  void append(Text record) noexcept override;
  bool has(uint64_t name) const noexcept override;

  // Writes what waits, in one call. An errno: what was appended since the last flush may be lost.
  int flush() noexcept;
  // Synchronises what was written until now. `failures`: how often it had failed when that was appended; an errno when it did again.
  int sync(uint64_t failures) noexcept;

  // An errno; 0: it can be written.
  int fault() const noexcept { return fault_.load(std::memory_order_relaxed); }
  // How often it failed.
  uint64_t failures() const noexcept { return failures_.load(std::memory_order_relaxed); }
  // A snapshot has everything that was lost.
  void forget_losses() noexcept;

  uint64_t number() const noexcept { return number_.load(std::memory_order_relaxed); }
  // Octets of the file.
  uint64_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

  static std::string path_of(const std::string& folder, uint64_t number);

 private:
  int write_waiting() noexcept;
  int fail(int error) noexcept;

  const std::string folder_;
  const SipKey key_;
  std::mutex sync_lock_;    // before the next one; held over fdatasync(), and whoever closes a file holds it
  std::mutex write_lock_;   // held over write(); never taken while a lock of the table is held
  std::mutex append_lock_;  // the innermost
  std::string waiting_;     // under append_lock_
  uint64_t waiting_from_ = UINT64_MAX;  // the lowest LSN of it
  std::string writing_;                 // under write_lock_, like all below
  uint64_t writing_from_ = UINT64_MAX;
  int fd_ = -1;
  std::vector<int> retired_;  // to be synchronised and closed
  std::atomic<int> fault_{0};
  std::atomic<uint64_t> failures_{0};
  std::atomic<uint64_t> number_{0};
  std::atomic<uint64_t> size_{0};
  std::atomic<uint64_t> written_{0};  // octets, over all files
  uint64_t synced_ = 0;               // under sync_lock_
  // Puts with names from the one up to the other may not be on disk.
  std::atomic<uint64_t> lost_from_{UINT64_MAX};
  std::atomic<uint64_t> lost_until_{0};
};

}  // namespace sluice
