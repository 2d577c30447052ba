#include "core/flow/kept_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <new>

#include "core/flow/flow_table.h"

namespace sluice {
namespace {

constexpr uint64_t kKeptMagic = 0x5357'4f4c'4654'504b;

// Nothing of it takes memory before it is written to, so there is room for every slot that a token can name.
constexpr size_t kKeptLayersAt = 4096 + size_t{FlowTable::kMostSlots} * KeptMemory::kFlowOctets;
constexpr size_t kKeptNotesAt = kKeptLayersAt + size_t{FlowTable::kMostSlots} * sizeof(KeptLayer);
constexpr size_t kKeptOctets = kKeptNotesAt + size_t{FlowTable::kMostSlots} * sizeof(KeptNotes);
static_assert(sizeof(Flow) == KeptMemory::kFlowOctets);

}  // namespace

std::unique_ptr<KeptMemory> KeptMemory::make(int& error) noexcept {
  // Beyond this limit the kernel does not refuse, it kills.
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  if (limit.rlim_cur < kKeptOctets) return error = EFBIG, nullptr;
  const int fd = memfd_create("flows", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  // Whoever reads it must not find it shorter than it was.
  const bool good = fd >= 0 && ftruncate(fd, static_cast<off_t>(kKeptOctets)) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0;
  void* const base = good ? mmap(nullptr, kKeptOctets, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0) : MAP_FAILED;
  if (base == MAP_FAILED) {
    error = errno;
    if (fd >= 0) close(fd);
    return nullptr;
  }
  // It holds keys of TLS connections.
  madvise(base, kKeptOctets, MADV_DONTDUMP);
  std::unique_ptr<KeptMemory> made(new (std::nothrow) KeptMemory(fd, static_cast<char*>(base)));
  if (made) made->head().magic = kKeptMagic;
  return made;
}

std::unique_ptr<KeptMemory> KeptMemory::read(int fd, uint64_t layout, const char*& fault) noexcept {
  struct stat status {};
  if (fstat(fd, &status) != 0 || static_cast<size_t>(status.st_size) != kKeptOctets) return fault = "it has another size", nullptr;
  void* const base = mmap(nullptr, kKeptOctets, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd, 0);
  if (base == MAP_FAILED) return fault = "it cannot be mapped", nullptr;
  madvise(base, kKeptOctets, MADV_DONTDUMP);
  std::unique_ptr<KeptMemory> found(new (std::nothrow) KeptMemory(-1, static_cast<char*>(base)));
  if (!found) return fault = "there is no memory to read it", nullptr;
  if (found->head().magic != kKeptMagic || found->head().layout != layout) return fault = "another version has written it", nullptr;
  return found;
}

KeptMemory::~KeptMemory() noexcept {
  munmap(base_, kKeptOctets);
  if (fd_ >= 0) close(fd_);
}

KeptNotes& KeptMemory::notes(uint32_t slot) const noexcept { return *reinterpret_cast<KeptNotes*>(base_ + kKeptNotesAt + slot * sizeof(KeptNotes)); }

KeptLayer& KeptMemory::layer(uint32_t slot) const noexcept { return *reinterpret_cast<KeptLayer*>(base_ + kKeptLayersAt + slot * sizeof(KeptLayer)); }

}  // namespace sluice
