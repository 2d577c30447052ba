// Files of the store: written whole, read piece by piece, whatever may lie in the folder.
#pragma once

#include <string>

#include "core/base/bytes.h"

namespace sluice {

// An errno; 0: all of it was written.
int write_all(int fd, Text octets) noexcept;

// What was made or renamed in a folder is there after a power cut.
int sync_folder(const std::string& folder) noexcept;

// Reads a file from its beginning; what is no regular file is as good as none.
class FileReader {
 public:
  explicit FileReader(const std::string& path) noexcept;
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  int fault() const noexcept { return fault_; }  // an errno
  Text octets() const noexcept { return Text(buffer_.data() + at_, buffer_.size() - at_); }
  void skip(size_t size) noexcept { at_ += size; }
  // Reads on. False: there is no more.
  bool more();
  uint64_t position() const noexcept { return before_ + at_; }  // in the file
  uint64_t size() const noexcept { return size_; }

 private:
  int fd_ = -1;
  int fault_ = 0;
  uint64_t size_ = 0;
  uint64_t before_ = 0;  // octets of the file before those in the buffer
  size_t at_ = 0;
  std::string buffer_;
};

}  // namespace sluice
