// An array of zeros that costs neither time nor memory until it is written: calloc(3) takes pages that the kernel fills on their first use.
#pragma once

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

}  // namespace sluice
