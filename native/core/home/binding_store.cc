#include "core/home/binding_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include "core/home/snapshot.h"
#include "core/home/store_file.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSyncEvery(50);     // the most a power cut may cost
constexpr milliseconds kRecoverEvery(1'000);
constexpr uint64_t kSnapshotAgain = 60'000;  // milliseconds after a failure
constexpr uint64_t kLeastJournal = 8 << 20;  // smallest journal that is worth a snapshot

uint64_t clock_ms() noexcept {
  return static_cast<uint64_t>(std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count());
}

bool is_full(int error) noexcept { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

}  // namespace

BindingStore::Opened BindingStore::open(const std::string& folder, const TableBounds& bounds, uint64_t now) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return {nullptr, folder + " cannot be made: " + std::strerror(errno)};
  std::shared_ptr<BindingStore> store(new BindingStore);
  store->folder_ = folder;
  store->lock_ = ::open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  // On a full disk this still works if the file exists; a disk without room even for the lock is of no use.
  if (store->lock_ < 0) return {nullptr, folder + "/lock cannot be opened: " + std::strerror(errno)};
  if (flock(store->lock_, LOCK_EX | LOCK_NB) != 0) return {nullptr, folder + " is in use by another process", true};
  std::string fault = store->fill(bounds, now);
  if (!fault.empty()) return {nullptr, std::move(fault)};
  return {std::move(store), {}};
}

std::string BindingStore::fill(const TableBounds& bounds, uint64_t now) {
  StoredFiles files;
  if (const int error = files.find(folder_); error != 0) return folder_ + " cannot be read: " + std::strerror(error);
  if (files.next_number() > kMaxJournalNumber) return folder_ + " holds a journal with the last number there is: move it away";
  if (!files.newer().empty()) return folder_ + "/" + files.newer() + " was written by a newer version: start that one, or move the folder away";
  SipKey key;
  if (!files.key(key)) {
    while (getrandom(&key, sizeof key, 0) != sizeof key) {
    }
  }
  table_ = std::make_unique<BindingTable>(key, bounds, now);
  files.replay(*table_);
  damaged_ = files.damaged();
  next_number_ = files.next_number();
  snapshot_octets_ = files.snapshot_octets();
  older_octets_ = files.journal_octets();
  wants_snapshot_ = !damaged_.empty();
  journal_ = std::make_unique<Journal>(folder_, key);
  table_->set_log(journal_.get());
  if (const int error = journal_->begin(next_number_++, table_->next_lsn()); is_full(error)) journal_->give_up(error);
  else if (error != 0) return folder_ + " cannot be written: " + std::strerror(error);
  since_snapshot_ = older_octets_;
  start_keeper();
  return {};
}

void BindingStore::start_keeper() {
  // The main thread handles the signals of the process.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  keeper_ = std::thread([this] { keep(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

BindingStore::~BindingStore() {
  stop_ = gives_up_ = true;
  {
    const std::lock_guard<std::mutex> guard(wake_lock_);
  }
  wake_.notify_one();
  if (keeper_.joinable()) keeper_.join();
  journal_.reset();
  if (lock_ >= 0) ::close(lock_);
}

int BindingStore::flush() noexcept {
  const int error = journal_->flush();
  if (!dirty_.exchange(true)) {
    const std::lock_guard<std::mutex> guard(wake_lock_);
    wake_.notify_one();
  }
  return error;
}

void BindingStore::keep() noexcept {
  follow_on();
  std::unique_lock<std::mutex> guard(wake_lock_);
  while (!stop_) {
    wake_.wait(guard, [this] { return stop_ || dirty_ || (wants_snapshot_ && !hold_) || journal_->fault() != 0; });
    wake_.wait_for(guard, journal_->fault() == 0 ? kSyncEvery : kRecoverEvery, [this] { return stop_.load(); });
    if (stop_) return;
    dirty_ = false;
    guard.unlock();
    journal_->sync(journal_->failures());
    if (journal_->fault() != 0) recover();
    since_snapshot_ = older_octets_ + journal_->size();
    const bool is_long = since_snapshot_ > std::max<uint64_t>(kLeastJournal, snapshot_octets_ * 2);
    if (journal_->fault() == 0 && !hold_ && (wants_snapshot_ || is_long) && clock_ms() >= next_try_) take_snapshot();
    guard.lock();
  }
}

// The next snapshot will contain what memory has and the journal lacks.
void BindingStore::recover() noexcept {
  const uint64_t before = journal_->size();
  if (journal_->begin(next_number_, table_->next_lsn()) != 0) return;
  older_octets_ += before;
  ++next_number_;
  wants_snapshot_ = true;
  next_try_ = 0;
}

void BindingStore::take_snapshot() noexcept {
  const std::lock_guard<std::mutex> taking(snapshot_lock_);
  const uint64_t failures = journal_->failures();
  const uint64_t before = older_octets_ + journal_->size();
  const uint64_t number = next_number_;
  SnapshotFigures figures;
  int error = journal_->begin(number, table_->next_lsn());
  if (error == 0) {
    ++next_number_;
    older_octets_ = before;
    error = write_snapshot(*table_, folder_, number, gives_up_, figures);
  }
  longest_lock_ = std::max(longest_lock_.load(), figures.longest_lock);
  if (error == ECANCELED) return;
  snapshot_fault_ = error;
  if (error != 0) {
    next_try_ = clock_ms() + kSnapshotAgain;
    return;
  }
  delete_journals(folder_, number, damaged_);
  if (journal_->failures() == failures) journal_->forget_losses();
  wants_snapshot_ = false;
  older_octets_ = 0;
  snapshot_octets_ = figures.octets;
  since_snapshot_ = journal_->size();
  ++snapshots_;
}

StoreCounts BindingStore::counts() const noexcept {
  StoreCounts counts;
  counts.bindings = table_->bindings();
  counts.addresses = table_->addresses();
  counts.octets = table_->octets();
  counts.journal = since_snapshot_;
  counts.failures = journal_->failures();
  counts.snapshots = snapshots_;
  counts.longest_lock = longest_lock_;
  counts.fault = journal_->fault();
  counts.snapshot_fault = snapshot_fault_;
  return counts;
}

}  // namespace sluice
