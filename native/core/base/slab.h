// Objects that never move, named by index; 0 names none. Freed ones are used again; the memory goes back when the slab ends.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace sluice {

template <typename T>
class Slab {
 public:
  // A fresh object.
  uint32_t take() {
    uint32_t index = next_fresh_;
    if (free_.empty()) {
      ++next_fresh_;
      if (index >> kBits >= blocks_.size()) blocks_.push_back(std::make_unique<T[]>(kSize));
    } else {
      index = free_.back();
      free_.pop_back();
    }
    at(index) = T{};
    ++used_;
    return index;
  }
  void give(uint32_t index) {
    free_.push_back(index);
    --used_;
  }

  T& at(uint32_t index) noexcept { return blocks_[index >> kBits][index & (kSize - 1)]; }
  uint32_t used() const noexcept { return used_; }

 private:
  static constexpr uint32_t kBits = 8;
  static constexpr uint32_t kSize = 1u << kBits;

  std::vector<std::unique_ptr<T[]>> blocks_;
  std::vector<uint32_t> free_;
  uint32_t next_fresh_ = 1;
  uint32_t used_ = 0;
};

}  // namespace sluice
