// Memory that two processes have mapped: what one writes there the other reads in place. Pages that both have touched cost neither of them
// anything while their shards stand still.
#pragma once

#include <cstddef>
#include <span>

#include "core/base/bytes.h"

namespace sluice {

class Desk {
 public:
  Desk() = default;
  ~Desk() noexcept;
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  // A new one; it takes memory only where it is written. 0 or an errno.
  int make(size_t octets) noexcept;
  // That of the other process, whose descriptor is ours now.
  int open(int file) noexcept;
  int file() const noexcept { return file_; }

  // What may be written on.
  std::span<char> room() noexcept { return std::span<char>(octets_ + kept_, size_ - kept_); }
  bool holds(Text octets) const noexcept { return octets_ != nullptr && octets.data() >= octets_ && octets.data() < octets_ + size_; }
  size_t place_of(Text octets) const noexcept { return static_cast<size_t>(octets.data() - octets_); }
  // Nothing is written over what lies there.
  void keep(Text octets) noexcept;

  // Empty: there is no such place.
  Text at(size_t place, size_t size) const noexcept;
  // The pages of that place are found now and not when they are read.
  void touch(size_t place, size_t size) const noexcept;

 private:
  int map(size_t octets, int access) noexcept;

  char* octets_ = nullptr;
  size_t size_ = 0;
  size_t kept_ = 0;
  int file_ = -1;
};

}  // namespace sluice
