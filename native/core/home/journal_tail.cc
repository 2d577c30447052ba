#include "core/home/journal_tail.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/home/journal.h"

namespace sluice {
namespace {

constexpr size_t kReadAtOnce = 256 << 10;

}  // namespace

JournalTail::~JournalTail() {
  if (fd_ >= 0) close(fd_);
}

bool JournalTail::catch_up(BindingTable& table) {
  for (;;) {
    if (fd_ < 0 && !open_file()) return errno == ENOENT;
    const Read read = read_on(table);
    if (read == Read::failed) return false;
    // The next one is begun before the last records of this one are written, so it must hold a record itself. What then still stands at the end
    // here was cut off by a disk that failed.
    if (!is_continued()) return read == Read::all;
    const Read rest = read_on(table);
    if (rest == Read::failed) return false;
    next_file();
  }
}

bool JournalTail::finish(BindingTable& table, uint64_t number, uint64_t at) {
  while (number_ < number) {
    if (fd_ < 0 && !open_file()) return false;
    if (read_on(table) == Read::failed) return false;
    next_file();
  }
  if (number_ != number) return false;
  until_ = at;
  if (fd_ < 0 && !open_file()) return false;
  return read_on(table) == Read::all && at_ == at;
}

bool JournalTail::open_file() {
  fd_ = open(Journal::path_of(folder_, number_).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd_ < 0) return false;
  char head[kFileHeader];
  FileHeader header;
  const bool is_whole = pread(fd_, head, sizeof head, 0) == static_cast<ssize_t>(sizeof head);
  const bool is_ours = is_whole && read_file_header(Text(head, sizeof head), header) == HeaderFault::none && header.key.k0 == key_.k0 && header.key.k1 == key_.k1 && header.number == number_;
  if (is_ours) {
    at_ = std::max<uint64_t>(at_, kFileHeader);
    return true;
  }
  close(std::exchange(fd_, -1));
  // Without its header it is just being made.
  errno = is_whole ? EINVAL : ENOENT;
  return false;
}

bool JournalTail::is_continued() const noexcept {
  struct stat status;
  return stat(Journal::path_of(folder_, number_ + 1).c_str(), &status) == 0 && static_cast<uint64_t>(status.st_size) > kFileHeader;
}

void JournalTail::next_file() noexcept {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
  before_ += at_;
  ++number_;
  at_ = 0;
}

JournalTail::Read JournalTail::read_on(BindingTable& table) {
  RecordReader record;
  size_t room = kReadAtOnce;
  while (at_ < until_) {
    buffer_.resize(static_cast<size_t>(std::min<uint64_t>(room, until_ - at_)));
    ssize_t size;
    do size = pread(fd_, buffer_.data(), buffer_.size(), static_cast<off_t>(at_));
    while (size < 0 && errno == EINTR);
    if (size < 0) return Read::failed;
    Text left(buffer_.data(), static_cast<size_t>(size));
    const uint64_t before = at_;
    RecordReader::Result result;
    while ((result = record.read(left)) == RecordReader::Result::whole) {
      if (!record.is_end() && !table.restore(record)) return Read::damaged;
      at_ += record.size();
      left.remove_prefix(record.size());
    }
    if (result == RecordReader::Result::damaged) return Read::damaged;
    if (static_cast<size_t>(size) < buffer_.size()) return Read::all;
    if (at_ == before) room *= 2;
    if (room > 2 * kMaxRecord) return Read::damaged;
  }
  return Read::all;
}

}  // namespace sluice
