// An array of zeros that costs neither time nor memory until it is written: calloc(3) takes pages that the kernel fills on their first use.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <type_traits>

namespace sluice {

struct FreeBlock {
  void* block = nullptr;  // what calloc returned, in front of the aligned array
  void operator()(const void*) const noexcept { std::free(block); }
};

template <typename T>
using Zeroed = std::unique_ptr<T[], FreeBlock>;

// For types whose default is all zeros.
template <typename T>
Zeroed<T> zeroed(size_t count) {
  static_assert(std::is_trivially_destructible_v<T>);
  void* const block = std::calloc(1, count * sizeof(T) + alignof(T));
  if (block == nullptr) std::abort();  // as operator new does here
  const auto start = (reinterpret_cast<uintptr_t>(block) + alignof(T) - 1) / alignof(T) * alignof(T);
  return Zeroed<T>(reinterpret_cast<T*>(start), FreeBlock{block});
}

// For an array of many megabytes that is read at random: with large pages, where the system has them, an access seldom needs a walk
// through the tables of pages, which under a hypervisor costs more than the access.
inline void prefer_large_pages(void* start, size_t octets) noexcept {
  constexpr uintptr_t kLarge = 2u << 20;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(start) + kLarge - 1) / kLarge * kLarge;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(start) + octets) / kLarge * kLarge;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

}  // namespace sluice
