#include "core/home/block_arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

namespace sluice {
namespace {

// Aligned to its size; nullptr: the system is out of memory.
char* map_aligned(size_t size) noexcept {
  void* const memory = mmap(nullptr, size * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<char*>(memory);
  auto* const aligned = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(begin) + size - 1) & ~(size - 1));
  if (aligned != begin) munmap(begin, static_cast<size_t>(aligned - begin));
  munmap(aligned + size, static_cast<size_t>(begin + size - aligned));
  madvise(aligned, size, MADV_HUGEPAGE);
  return aligned;
}

}  // namespace

BlockArena::BlockArena(uint64_t most_octets) : most_slabs_(slabs_for(most_octets)), slabs_(new std::atomic<char*>[kMostSlabs]()) {}

size_t BlockArena::slabs_for(uint64_t octets) noexcept { return std::clamp<uint64_t>(octets / kSlab + (octets % kSlab != 0), 1, kMostSlabs); }

BlockArena::~BlockArena() {
  for (size_t i = 0; i < slab_count_; ++i) munmap(slabs_[i].load(std::memory_order_relaxed), kSlab);
}

// Steps of 16 octets up to 1 KB, of 64 up to 4 KB, of 512 up to 64 KB.
size_t BlockArena::class_of(size_t octets) noexcept {
  if (octets <= 1'024) return octets == 0 ? 0 : (octets - 1) / 16;
  if (octets <= 4'096) return 64 + (octets - 1'025) / 64;
  return 112 + (octets - 4'097) / 512;
}

size_t BlockArena::size_of(size_t index) noexcept {
  if (index < 64) return (index + 1) * 16;
  if (index < 112) return 1'024 + (index - 63) * 64;
  return 4'096 + (index - 111) * 512;
}

void BlockArena::prepare() noexcept {
  if (chunks_left_.load(std::memory_order_relaxed) >= kSlab / kChunk / 4) return;
  std::unique_lock<std::mutex> guard(lock_);
  add_slab(guard);
}

// Releases the lock during the system call, so another thread may have been quicker.
bool BlockArena::add_slab(std::unique_lock<std::mutex>& guard) noexcept {
  const size_t before = slab_count_;
  if (before >= most_slabs_.load(std::memory_order_relaxed)) return false;
  guard.unlock();
  char* const memory = map_aligned(kSlab);
  guard.lock();
  if (memory == nullptr) return false;
  if (slab_count_ != before) {
    munmap(memory, kSlab);
    return true;
  }
  slabs_[slab_count_++].store(memory, std::memory_order_relaxed);
  if (before == 0) next_chunk_ = 1;  // no block is named 0
  chunks_left_.store(slab_count_ * (kSlab / kChunk) - next_chunk_, std::memory_order_relaxed);
  return true;
}

BlockRef BlockArena::take(size_t octets) noexcept {
  if (octets > kMaxBlock) return 0;
  const size_t index = class_of(octets);
  const size_t size = size_of(index);
  std::unique_lock<std::mutex> guard(lock_);
  Class& which = classes_[index];
  BlockRef ref = which.free;
  if (ref != 0) {
    std::memcpy(&which.free, at<char>(ref), sizeof which.free);
  } else {
    const auto units = static_cast<BlockRef>(size / kUnit);
    if (which.end - which.next < units) {
      while (next_chunk_ == slab_count_ * (kSlab / kChunk))
        if (!add_slab(guard)) return 0;
      which.next = static_cast<BlockRef>(next_chunk_++ * (kChunk / kUnit));
      which.end = which.next + kChunk / kUnit;
      chunks_left_.store(slab_count_ * (kSlab / kChunk) - next_chunk_, std::memory_order_relaxed);
    }
    ref = which.next;
    which.next += units;
  }
  used_.fetch_add(size, std::memory_order_relaxed);
  return ref;
}

void BlockArena::give(BlockRef ref, size_t octets) noexcept {
  const size_t index = class_of(octets);
  const std::lock_guard<std::mutex> guard(lock_);
  std::memcpy(at<char>(ref), &classes_[index].free, sizeof(BlockRef));
  classes_[index].free = ref;
  used_.fetch_sub(size_of(index), std::memory_order_relaxed);
}

}  // namespace sluice
