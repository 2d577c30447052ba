// Milliseconds since the epoch: the wall clock once, then a clock that also counts while the machine sleeps and never runs backwards.
#pragma once

#include <cstdint>
#include <ctime>

namespace sluice {

inline uint64_t wall_ms() noexcept {
  const auto read = [](clockid_t clock) {
    timespec now;
    clock_gettime(clock, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
  };
  static const uint64_t offset = read(CLOCK_REALTIME) - read(CLOCK_BOOTTIME);
  return offset + read(CLOCK_BOOTTIME);
}

}  // namespace sluice
