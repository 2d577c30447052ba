#include "core/home/store_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace sluice {
namespace {

constexpr size_t kPiece = 1 << 20;

}  // namespace

int write_all(int fd, Text octets) noexcept {
  while (!octets.empty()) {
    const ssize_t size = write(fd, octets.data(), octets.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return size == 0 ? EIO : errno;
    octets.remove_prefix(static_cast<size_t>(size));
  }
  return 0;
}

int sync_folder(const std::string& folder) noexcept {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = fsync(fd) == 0 ? 0 : errno;
  close(fd);
  return error;
}

// O_NONBLOCK: opening a pipe would otherwise wait for its writer.
FileReader::FileReader(const std::string& path) noexcept : fd_(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)) {
  struct stat status;
  if (fd_ < 0 || fstat(fd_, &status) != 0) fault_ = errno;
  else if (!S_ISREG(status.st_mode)) fault_ = EINVAL;
  else size_ = static_cast<uint64_t>(status.st_size);
}

FileReader::~FileReader() {
  if (fd_ >= 0) close(fd_);
}

bool FileReader::more() {
  if (fault_ != 0) return false;
  before_ += at_;
  buffer_.erase(0, at_);
  at_ = 0;
  const size_t before = buffer_.size();
  buffer_.resize(before + kPiece);
  ssize_t size;
  do size = read(fd_, buffer_.data() + before, kPiece);
  while (size < 0 && errno == EINTR);
  if (size < 0) fault_ = errno;
  buffer_.resize(before + static_cast<size_t>(size > 0 ? size : 0));
  return size > 0;
}

}  // namespace sluice
