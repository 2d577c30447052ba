#include "core/home/journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "core/home/store_file.h"

namespace sluice {
namespace {

// Enough for a batch of a busy shard; memory beyond it is freed.
constexpr size_t kUsualWrite = 1 << 20;
// A disk with less room than this counts as full, or the journal would fail again at once.
constexpr off_t kLeastRoom = 1 << 20;

}  // namespace

Journal::~Journal() {
  flush();
  sync(failures());
  if (fd_ >= 0) close(fd_);
}

std::string Journal::path_of(const std::string& folder, uint64_t number) {
  char name[32];
  std::snprintf(name, sizeof name, "/journal.%08llu", static_cast<unsigned long long>(number));
  return folder + name;
}

int Journal::begin(uint64_t number, uint64_t next_lsn) noexcept {
  {
    const std::lock_guard<std::mutex> guard(write_lock_);
    if (is_left_) return EBUSY;
  }
  const std::string path = path_of(folder_, number);
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  char header[kFileHeader];
  write_file_header({FileKind::journal, key_, number}, header);
  int error = 0;
  // Not every file system can reserve space in advance.
  if (fault() != 0 && fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, kLeastRoom) != 0 && errno != EOPNOTSUPP && errno != ENOSYS) error = errno;
  if (error == 0) error = write_all(fd, Text(header, sizeof header));
  if (error == 0 && fdatasync(fd) != 0) error = errno;
  if (error != 0) {
    close(fd);
    unlink(path.c_str());
    return error;
  }
  const std::lock_guard<std::mutex> guard(write_lock_);
  write_waiting();
  if (fd_ >= 0) retired_.push_back(fd_);
  fd_ = fd;
  number_.store(number, std::memory_order_relaxed);
  size_.store(kFileHeader, std::memory_order_relaxed);
  if (fault() == 0) return 0;
  const std::lock_guard<std::mutex> appending(append_lock_);
  lost_until_.store(next_lsn, std::memory_order_relaxed);
  fault_.store(0, std::memory_order_relaxed);
  return 0;
}

int Journal::leave(End& end) noexcept {
  const std::lock_guard<std::mutex> guard(write_lock_);
  if (const int error = write_waiting(); error != 0) return error;
  is_left_ = true;
  end = {number(), size()};
  return 0;
}

int Journal::go_on(const End& end) noexcept {
  const int fd = open(path_of(folder_, end.number).c_str(), O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno;
  // Behind the last whole record there may be a piece of one whose writer died.
  struct stat status;
  const bool is_longer = fstat(fd, &status) == 0 && static_cast<uint64_t>(status.st_size) > end.size;
  if (is_longer && ftruncate(fd, static_cast<off_t>(end.size)) != 0) {
    const int error = errno;
    close(fd);
    return error;
  }
  const std::lock_guard<std::mutex> guard(write_lock_);
  if (fd_ >= 0) retired_.push_back(fd_);
  fd_ = fd;
  is_left_ = false;
  number_.store(end.number, std::memory_order_relaxed);
  size_.store(end.size, std::memory_order_relaxed);
  return write_waiting();
}

void Journal::give_up(int error) noexcept {
  const std::lock_guard<std::mutex> guard(write_lock_);
  fail(error);
}

void Journal::append(Text record) noexcept {
  uint64_t lsn;
  std::memcpy(&lsn, record.data() + kLsnInRecord, sizeof lsn);
  const std::lock_guard<std::mutex> guard(append_lock_);
  if (fault() != 0) {
    lost_from_.store(std::min(lsn, lost_from_.load(std::memory_order_relaxed)), std::memory_order_relaxed);
    return;
  }
  waiting_.append(record);
  waiting_from_ = std::min(waiting_from_, lsn);
}

bool Journal::has(uint64_t name) const noexcept {
  return name >= lost_until_.load(std::memory_order_relaxed) || name < lost_from_.load(std::memory_order_relaxed);
}

void Journal::forget_losses() noexcept {
  const std::lock_guard<std::mutex> guard(append_lock_);
  lost_until_.store(0, std::memory_order_relaxed);
  lost_from_.store(UINT64_MAX, std::memory_order_relaxed);
}

int Journal::flush() noexcept {
  const std::lock_guard<std::mutex> guard(write_lock_);
  return write_waiting();
}

int Journal::write_waiting() noexcept {
  if (is_left_) return fault();
  {
    const std::lock_guard<std::mutex> guard(append_lock_);
    std::swap(waiting_, writing_);
    writing_from_ = std::exchange(waiting_from_, UINT64_MAX);
  }
  if (fault() != 0) return fault();
  if (writing_.empty()) return 0;
  if (const int error = write_all(fd_, writing_); error != 0) return fail(error);
  size_.fetch_add(writing_.size(), std::memory_order_relaxed);
  written_.fetch_add(writing_.size(), std::memory_order_relaxed);
  writing_.clear();
  if (writing_.capacity() > kUsualWrite) writing_.shrink_to_fit();
  return 0;
}

// The file stays valid up to here: a replay reads it up to the first incomplete record.
int Journal::fail(int error) noexcept {
  if (fd_ >= 0) retired_.push_back(std::exchange(fd_, -1));
  const std::lock_guard<std::mutex> guard(append_lock_);
  fault_.store(error, std::memory_order_relaxed);
  failures_.fetch_add(1, std::memory_order_relaxed);
  const uint64_t lost = std::min({writing_from_, waiting_from_, lost_from_.load(std::memory_order_relaxed)});
  lost_from_.store(lost, std::memory_order_relaxed);
  waiting_from_ = UINT64_MAX;
  waiting_.clear();
  writing_.clear();
  return error;
}

int Journal::sync(uint64_t failures) noexcept {
  const std::lock_guard<std::mutex> guard(sync_lock_);
  std::vector<int> retired;
  int current;
  uint64_t written;
  {
    const std::lock_guard<std::mutex> writing(write_lock_);
    retired.swap(retired_);
    current = fd_;
    written = written_.load(std::memory_order_relaxed);
  }
  int error = 0;
  for (const int fd : retired) {
    if (fdatasync(fd) != 0) error = errno;
    close(fd);
  }
  if (current >= 0 && written != synced_ && fdatasync(current) != 0) error = errno;
  const std::lock_guard<std::mutex> writing(write_lock_);
  synced_ = written;
  if (error != 0) {
    // After that nobody knows what is on the disk, and trying again does not help (fsync(2)).
    lost_from_.store(0, std::memory_order_relaxed);
    if (fd_ == current && fd_ >= 0) close(std::exchange(fd_, -1));
    if (fault() == 0) fail(error);
    return error;
  }
  if (this->failures() != failures) return fault() != 0 ? fault() : EIO;
  return 0;
}

}  // namespace sluice
