// The store on its way from one process to the next: both read the same journal, and one of them writes it.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "core/home/binding_store.h"

namespace sluice {
namespace {

constexpr std::chrono::milliseconds kLookEvery(20);

}  // namespace

BindingStore::Opened BindingStore::follow(const std::string& folder, const TableBounds& bounds, uint64_t now, int lock) {
  std::shared_ptr<BindingStore> store(new BindingStore);
  store->folder_ = folder;
  store->lock_ = lock;
  store->hold_ = true;
  std::string fault = store->read_all(bounds, now);
  if (!fault.empty()) return {nullptr, std::move(fault)};
  store->start_keeper();
  return {std::move(store), {}};
}

std::string BindingStore::read_all(const TableBounds& bounds, uint64_t now) {
  StoredFiles files;
  if (const int error = files.find(folder_); error != 0) return folder_ + " cannot be read: " + std::strerror(error);
  if (!files.newer().empty()) return folder_ + "/" + files.newer() + " was written by a newer version";
  SipKey key;
  if (!files.key(key)) return folder_ + " holds no journal, although another process uses it";
  table_ = std::make_unique<BindingTable>(key, bounds, now);
  journal_ = std::make_unique<Journal>(folder_, key);
  tail_ = std::make_unique<JournalTail>(folder_, key, files.replay_snapshot(*table_), 0);
  snapshot_octets_ = files.snapshot_octets();
  damaged_ = files.damaged();
  wants_snapshot_ = !damaged_.empty();
  return tail_->catch_up(*table_) ? std::string() : folder_ + " cannot be read: a journal is damaged";
}

// In the thread of keep(), until the other process has stopped.
void BindingStore::follow_on() noexcept {
  for (;;) {
    {
      const std::lock_guard<std::mutex> guard(tail_lock_);
      if (tail_ == nullptr || stop_) return;
      is_readable_ = is_readable_ && tail_->catch_up(*table_);
    }
    std::unique_lock<std::mutex> guard(wake_lock_);
    wake_.wait_for(guard, kLookEvery, [this] { return stop_.load(); });
  }
}

bool BindingStore::take_over(const End& end) {
  {
    const std::lock_guard<std::mutex> guard(tail_lock_);
    if (tail_ == nullptr || !is_readable_ || !tail_->finish(*table_, end.journal.number, end.journal.size)) return false;
    if (journal_->go_on(end.journal) != 0) return false;
    older_octets_ = tail_->before();
    next_number_ = end.journal.number + 1;
    table_->skip_lsn_to(end.next_lsn);
    table_->set_log(journal_.get());
    tail_.reset();
  }
  dirty_ = true;  // what it has written may not be on the disk yet
  return true;
}

int BindingStore::hold() noexcept {
  hold_ = gives_up_ = true;
  {
    const std::lock_guard<std::mutex> guard(snapshot_lock_);
  }
  gives_up_ = false;
  return journal_->fault();
}

int BindingStore::leave(End& end) noexcept {
  if (const int error = journal_->leave(end.journal); error != 0) return error;
  end.next_lsn = table_->next_lsn();
  left_ = end;
  is_left_ = true;
  return 0;
}

std::string BindingStore::go_on() {
  hold_ = false;
  if (!is_left_.exchange(false)) return {};
  JournalTail tail(folder_, table_->key(), left_.journal.number, left_.journal.size);
  const bool is_read = tail.catch_up(*table_);
  const int error = journal_->go_on({tail.number(), tail.at()});
  if (error != 0) return folder_ + " cannot be written: " + std::strerror(error);
  return is_read ? std::string() : folder_ + ": what the other process wrote is damaged, the last registrations are lost";
}

}  // namespace sluice
