// Memory that two processes have mapped: what one writes there the other reads in place. Pages that both have touched cost neither of them
// anything while their shards stand still.
#pragma once

#include <cstddef>
#include <span>

#include "core/base/bytes.h"
#include "core/base/shared_memory.h"

namespace sluice {

class Desk {
 public:
  // A new one. 0 or an errno.
  int make(size_t octets, size_t most = SIZE_MAX) noexcept { return memory_.make("desk", octets, most); }
  // That of the other process, whose descriptor is ours now.
  int open(int file) noexcept;
  int file() const noexcept { return memory_.file(); }

  // What may be written on: what comes next, as much as the system has memory for.
  std::span<char> room() noexcept;
  bool holds(Text octets) const noexcept { return memory_.octets() != nullptr && octets.data() >= memory_.octets() && octets.data() < memory_.octets() + memory_.size(); }
  size_t place_of(Text octets) const noexcept { return static_cast<size_t>(octets.data() - memory_.octets()); }
  // Nothing is written over what lies there.
  void keep(Text octets) noexcept;

  // Empty: there is no such place.
  Text at(size_t place, size_t size) const noexcept;
  // The pages of that place are found now and not when they are read.
  void touch(size_t place, size_t size) const noexcept;

 private:
  SharedMemory memory_;
  size_t kept_ = 0;
  size_t promised_ = 0;
};

}  // namespace sluice
