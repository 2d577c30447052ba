// The embedded location store: the table of bindings, its journal and snapshot in their own folder, and a thread that maintains the folder.
// All shards of the process share it; no other process can open the folder meanwhile.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "core/home/binding_table.h"
#include "core/home/journal.h"
#include "core/home/journal_tail.h"
#include "core/home/replay.h"

namespace sluice {

struct StoreCounts {
  uint64_t bindings = 0;
  uint64_t addresses = 0;
  uint64_t octets = 0;      // in memory
  uint64_t journal = 0;     // octets since the last snapshot
  uint64_t failures = 0;    // how often writing the journal failed
  uint64_t snapshots = 0;
  uint64_t longest_lock = 0;  // by a snapshot, nanoseconds
  int fault = 0;              // an errno while the journal cannot be written
  int snapshot_fault = 0;     // of the last snapshot
};

class BindingStore {
 public:
  struct Opened {
    std::shared_ptr<BindingStore> store;
    std::string fault;    // why there is no store, in one line
    bool is_busy = false;  // another process uses the folder
  };
  // Reads the folder. This works on a full disk too; the store then accepts no changes until there is room.
  static Opened open(const std::string& folder, const TableBounds& bounds, uint64_t now);
  // In the successor of the process that uses the folder and holds back its snapshots: reads what is there, and goes on reading what that
  // process adds, until take_over(). `lock`: another descriptor for its lock, which is ours from now on.
  static Opened follow(const std::string& folder, const TableBounds& bounds, uint64_t now, int lock);
  ~BindingStore();
  BindingStore(const BindingStore&) = delete;
  BindingStore& operator=(const BindingStore&) = delete;

  BindingTable& table() noexcept { return *table_; }
  Journal& journal() noexcept { return *journal_; }
  // Writes the changes; an errno: they may be lost.
  int flush() noexcept;

  // On the way to another process. From hold() on no file is deleted; an errno while the journal cannot be written.
  int hold() noexcept;
  int lock() const noexcept { return lock_; }
  // Where it stops.
  struct End {
    Journal::End journal;
    uint64_t next_lsn = 0;
  };
  // With all shards at rest: writes what is waiting, and then nothing more. An errno: it may be lost.
  int leave(End& end) noexcept;
  // The other process has failed: reads what it may have written, and goes on. Empty, or one line that says what is lost.
  std::string go_on();
  // In that other process: reads up to there, and is the one that writes from now on. False: it is not there.
  bool take_over(const End& end);
  // The process before is gone.
  void settle() noexcept { hold_ = false; }

  const std::vector<DamagedFile>& damaged() const noexcept { return damaged_; }
  StoreCounts counts() const noexcept;

 private:
  BindingStore() = default;
  std::string fill(const TableBounds& bounds, uint64_t now);
  std::string read_all(const TableBounds& bounds, uint64_t now);
  void start_keeper();
  void keep() noexcept;
  void follow_on() noexcept;
  void recover() noexcept;
  void take_snapshot() noexcept;

  std::string folder_;
  int lock_ = -1;
  std::unique_ptr<BindingTable> table_;
  std::unique_ptr<Journal> journal_;
  std::vector<DamagedFile> damaged_;
  std::mutex tail_lock_;
  std::unique_ptr<JournalTail> tail_;  // while another process writes
  bool is_readable_ = true;            // what it writes
  End left_;
  std::atomic<bool> is_left_{false};
  std::atomic<bool> hold_{false};  // no snapshots
  std::mutex snapshot_lock_;       // held while one is taken
  // Used only by the maintenance thread.
  uint64_t next_number_ = 1;
  uint64_t older_octets_ = 0;  // of journals before the current one
  uint64_t next_try_ = 0;      // after a failed snapshot, milliseconds
  bool wants_snapshot_ = false;
  std::atomic<uint64_t> snapshot_octets_{0};
  std::atomic<uint64_t> snapshots_{0};
  std::atomic<uint64_t> longest_lock_{0};
  std::atomic<int> snapshot_fault_{0};
  std::atomic<uint64_t> since_snapshot_{0};
  std::atomic<bool> stop_{false};
  std::atomic<bool> gives_up_{false};  // a snapshot that is under way
  std::atomic<bool> dirty_{false};
  std::mutex wake_lock_;
  std::condition_variable wake_;
  std::thread keeper_;
};

}  // namespace sluice
