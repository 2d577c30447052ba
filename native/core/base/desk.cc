#include "core/base/desk.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace sluice {
namespace {

constexpr size_t kPage = 4'096;
constexpr size_t kLine = 64;

}  // namespace

Desk::~Desk() noexcept {
  if (octets_ != nullptr) munmap(octets_, size_);
  if (file_ >= 0) close(file_);
}

int Desk::make(size_t octets) noexcept {
  file_ = memfd_create("desk", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file_ < 0 || ftruncate(file_, static_cast<off_t>(octets)) != 0) return errno;
  // Whoever reads it must not find it shorter one day.
  fcntl(file_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
  return map(octets, PROT_READ | PROT_WRITE);
}

int Desk::open(int file) noexcept {
  file_ = file;
  struct stat status {};
  if (fstat(file_, &status) != 0) return errno;
  return status.st_size > 0 ? map(static_cast<size_t>(status.st_size), PROT_READ) : EINVAL;
}

int Desk::map(size_t octets, int access) noexcept {
  void* const start = mmap(nullptr, octets, access, MAP_SHARED, file_, 0);
  if (start == MAP_FAILED) return errno;
  octets_ = static_cast<char*>(start);
  size_ = octets;
  // It holds keys of TLS.
  madvise(octets_, size_, MADV_DONTDUMP);
  return 0;
}

void Desk::keep(Text octets) noexcept { kept_ = std::min(size_, (place_of(octets) + octets.size() + kLine - 1) / kLine * kLine); }

Text Desk::at(size_t place, size_t size) const noexcept { return place < size_ && size <= size_ - place ? Text(octets_ + place, size) : Text(); }

void Desk::touch(size_t place, size_t size) const noexcept {
  const Text octets = at(place, size);
  for (size_t i = 0; i < octets.size(); i += kPage) static_cast<void>(*static_cast<const volatile char*>(octets.data() + i));
}

}  // namespace sluice
