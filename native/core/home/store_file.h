// Files of the store: written whole, read piece by piece; the folder may contain anything.
#pragma once

#include <string>

#include "core/base/bytes.h"

namespace sluice {

// 0: everything was written; else an errno.
int write_all(int fd, Text octets) noexcept;

// Makes files created or renamed in a folder survive a power cut.
int sync_folder(const std::string& folder) noexcept;

// Reads a file from its beginning; anything other than a regular file is an error.
class FileReader {
 public:
  explicit FileReader(const std::string& path) noexcept;
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  int fault() const noexcept { return fault_; }  // an errno
  Text octets() const noexcept { return Text(buffer_.data() + at_, buffer_.size() - at_); }
  void skip(size_t size) noexcept { at_ += size; }
  // Reads on. False: nothing is left.
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
