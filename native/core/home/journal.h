// The changes of the bindings on disk, in files that start afresh with each snapshot. One journal per process; its records are in the order
// of the changes to each address. What is written before a response leaves survives kill -9; what is synchronised survives a power cut.
//
// If the disk is full or fails, the journal knows by number what it could not write, and the store accepts no changes until it can create
// a new file.
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

  // Continues in file `number`, after writing what was waiting to the old one. Returns 0 or an errno. `next_lsn`: the table's.
  int begin(uint64_t number, uint64_t next_lsn) noexcept;

  // Where a journal ends.
  struct End {
    uint64_t number = 0;
    uint64_t size = 0;
  };
  // Writes what is waiting, and from now on nothing, for another process goes on there. An errno: it may be lost.
  int leave(End& end) noexcept;
  // Goes on after `end`, which another process has left or come back to; what was appended meanwhile is still waiting. 0 or an errno.
  int go_on(const End& end) noexcept;

  // No file could be created at the start.
  void give_up(int error) noexcept;

  // Keeps the record in memory until the next flush; it is lost while the disk fails.
  void append(Text record) noexcept override;
  bool has(uint64_t name) const noexcept override;

  // Writes what is waiting, in one call. An errno: what was appended since the last flush may be lost.
  int flush() noexcept;
  // Synchronises what has been written so far. `failures`: how often writing had failed when that was appended; an errno: it failed again.
  int sync(uint64_t failures) noexcept;

  // An errno; 0: the journal can be written.
  int fault() const noexcept { return fault_.load(std::memory_order_relaxed); }
  // How often writing has failed.
  uint64_t failures() const noexcept { return failures_.load(std::memory_order_relaxed); }
  // A snapshot now contains everything that was lost.
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
  std::mutex sync_lock_;    // taken before write_lock_; held during fdatasync() and while closing a file
  std::mutex write_lock_;   // held during write(); never taken under a lock of the table
  std::mutex append_lock_;  // the innermost
  std::string waiting_;     // under append_lock_
  uint64_t waiting_from_ = UINT64_MAX;  // its lowest LSN
  std::string writing_;                 // under write_lock_, like everything below
  uint64_t writing_from_ = UINT64_MAX;
  int fd_ = -1;
  std::vector<int> retired_;  // to be synchronised and closed
  bool is_left_ = false;      // another process writes
  std::atomic<int> fault_{0};
  std::atomic<uint64_t> failures_{0};
  std::atomic<uint64_t> number_{0};
  std::atomic<uint64_t> size_{0};
  std::atomic<uint64_t> written_{0};  // octets, over all files
  uint64_t synced_ = 0;               // under sync_lock_
  // Puts with names in this range may not be on disk.
  std::atomic<uint64_t> lost_from_{UINT64_MAX};
  std::atomic<uint64_t> lost_until_{0};
};

}  // namespace sluice
