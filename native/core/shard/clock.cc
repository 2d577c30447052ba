#include "core/shard/clock.h"

#include <ctime>

#include "core/flow/birth.h"

namespace sluice {
namespace {

class SystemTime final : public TimeSource {
 public:
  uint64_t monotonic_ms() const noexcept override {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
  }
  uint64_t unix_seconds() const noexcept override { return static_cast<uint64_t>(time(nullptr)); }
};

}  // namespace

const TimeSource& system_time() noexcept {
  static const SystemTime source;
  return source;
}

uint32_t Clock::tick_by_now() const noexcept { return static_cast<uint32_t>(source_.monotonic_ms() / kTickMs); }

void Clock::read() noexcept {
  tick_ = tick_by_now();
  unix_seconds_ = source_.unix_seconds();
  birth_ = birth_at(unix_seconds_);
}

}  // namespace sluice
