#include "core/base/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace sluice {

SharedMemory::~SharedMemory() noexcept {
  if (octets_ != nullptr) munmap(octets_, size_);
  if (file_ >= 0) close(file_);
}

int SharedMemory::make(const char* name, size_t octets, size_t most) noexcept {
  left_ = most;
  file_ = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file_ < 0 || ftruncate(file_, static_cast<off_t>(octets)) != 0 || fcntl(file_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) return errno;
  return map(file_, octets, PROT_READ | PROT_WRITE);
}

int SharedMemory::promise(size_t at, size_t octets) noexcept {
  if (octets > left_) return ENOSPC;
  int error;
  do error = fallocate(file_, 0, static_cast<off_t>(at), static_cast<off_t>(octets)) == 0 ? 0 : errno;
  while (error == EINTR);
  if (error == 0) left_ -= octets;
  return error;
}

int SharedMemory::read(int file) noexcept {
  struct stat status {};
  if (fstat(file, &status) != 0) return errno;
  return status.st_size > 0 ? map(file, static_cast<size_t>(status.st_size), PROT_READ) : EINVAL;
}

int SharedMemory::map(int file, size_t octets, int access) noexcept {
  void* const start = mmap(nullptr, octets, access, MAP_SHARED | MAP_NORESERVE, file, 0);
  if (start == MAP_FAILED) return errno;
  octets_ = static_cast<char*>(start);
  size_ = octets;
  madvise(octets_, size_, MADV_DONTDUMP);
  return 0;
}

}  // namespace sluice
