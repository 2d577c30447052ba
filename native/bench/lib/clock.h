// Monotonic nanoseconds.
#pragma once

#include <cstdint>
#include <ctime>

namespace sluice::bench {

inline int64_t now_ns() noexcept {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

}  // namespace sluice::bench
