// A file of memory that two processes map. It can neither shrink nor grow, so whoever reads it never finds it shorter than it was; it takes memory
// only where that has been promised; and it is in no core dump, for it holds keys of TLS.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice {

class SharedMemory {
 public:
  SharedMemory() = default;
  ~SharedMemory() noexcept;
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  // A new one, all zero; `name` is for /proc; of its octets at most `most` can be promised. 0 or an errno.
  int make(const char* name, size_t octets, size_t most = SIZE_MAX) noexcept;
  // So many octets from there on may be read and written from now on. What has not been promised must not even be read: where the system counts
  // memory strictly (vm.overcommit_memory=2) and has none left, the kernel would end the process by SIGBUS. 0 or an errno.
  int promise(size_t at, size_t octets) noexcept;
  // That of another process, to be read. The descriptor stays the caller's. 0 or an errno.
  int read(int file) noexcept;

  int file() const noexcept { return file_; }  // since make()
  char* octets() const noexcept { return octets_; }
  size_t size() const noexcept { return size_; }

 private:
  int map(int file, size_t octets, int access) noexcept;

  char* octets_ = nullptr;
  size_t size_ = 0;
  size_t left_ = 0;  // that can be promised
  int file_ = -1;
};

}  // namespace sluice
