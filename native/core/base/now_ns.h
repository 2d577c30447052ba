// A monotonic clock, to measure how long a piece of work takes.
#pragma once

#include <cstdint>
#include <ctime>

namespace sluice {

constexpr uint64_t kMs = 1'000'000, kSecond = 1'000 * kMs;  // ns

inline uint64_t now_ns() noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace sluice
