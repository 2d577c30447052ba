// Memory for many small blocks with 32-bit names: slabs come from the system as needed, a block has one of a few hundred sizes, and a
// returned block serves the next request for its size. Bounded in octets.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

namespace sluice {

using BlockRef = uint32_t;  // in units of 16 octets; 0: none

class BlockArena {
 public:
  static constexpr size_t kMaxBlock = 1 << 16;

  explicit BlockArena(uint64_t most_octets);
  ~BlockArena();
  BlockArena(const BlockArena&) = delete;
  BlockArena& operator=(const BlockArena&) = delete;

  // Makes sure that a slab is ready. Call without holding a lock, so that no system call for memory happens under one.
  void prepare() noexcept;

  // Lower than what is in use: nothing new is taken from the system.
  void set_most(uint64_t octets) noexcept { most_slabs_.store(slabs_for(octets), std::memory_order_relaxed); }
  uint64_t most() const noexcept { return uint64_t{most_slabs_.load(std::memory_order_relaxed)} * kSlab; }

  // 0: no room, or larger than a block can be.
  BlockRef take(size_t octets) noexcept;
  void give(BlockRef ref, size_t octets) noexcept;

  template <typename T>
  T* at(BlockRef ref) const noexcept {
    return reinterpret_cast<T*>(slabs_[ref / kSlabUnits].load(std::memory_order_relaxed) + size_t{ref % kSlabUnits} * kUnit);
  }

  // Octets that the blocks in use take up.
  uint64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kUnit = 16;
  static constexpr size_t kSlab = 2 << 20;  // a huge page, where the system supports them
  static constexpr size_t kSlabUnits = kSlab / kUnit;
  static constexpr size_t kChunk = 1 << 16;  // blocks of one size
  static constexpr size_t kMostSlabs = 1 << 14;  // 2^31 units: as many as a timing wheel can name
  static constexpr size_t kClasses = 232;

  struct Class {
    BlockRef free = 0;  // the first octets of a free block name the next free block
    BlockRef next = 0;  // in the current chunk
    BlockRef end = 0;
  };

  static size_t slabs_for(uint64_t octets) noexcept;
  static size_t class_of(size_t octets) noexcept;
  static size_t size_of(size_t index) noexcept;
  bool add_slab(std::unique_lock<std::mutex>& guard) noexcept;

  std::atomic<size_t> most_slabs_;
  std::unique_ptr<std::atomic<char*>[]> slabs_;
  std::mutex lock_;
  size_t slab_count_ = 0;
  size_t next_chunk_ = 0;  // counted from the first slab
  std::atomic<size_t> chunks_left_{0};
  std::atomic<uint64_t> used_{0};
  Class classes_[kClasses] = {};
};

}  // namespace sluice
