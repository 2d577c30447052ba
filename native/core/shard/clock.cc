#include "core/shard/clock.h"

#include <ctime>

#include "core/flow/birth.h"

namespace sluice {
namespace {

uint64_t whole_ms(const timespec& time) noexcept { return static_cast<uint64_t>(time.tv_sec) * 1000 + static_cast<uint64_t>(time.tv_nsec) / 1'000'000; }

class SystemTime final : public TimeSource {
 public:
  SystemTime() noexcept {
    timespec step{};
    clock_getres(CLOCK_MONOTONIC_COARSE, &step);
    step_ms_ = whole_ms(step) + 1;
  }
  uint64_t monotonic_ms() const noexcept override {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return whole_ms(now);
  }
  // The kernel moves that clock on at each of its ticks; reading it does not ask the processor's counter.
  uint64_t soon_ms() const noexcept override {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return whole_ms(now) + step_ms_;
  }
  uint64_t unix_seconds() const noexcept override { return static_cast<uint64_t>(time(nullptr)); }

 private:
  uint64_t step_ms_ = 0;
};

}  // namespace

const TimeSource& system_time() noexcept {
  static const SystemTime source;
  return source;
}

void Clock::read() noexcept {
  tick_ = static_cast<uint32_t>(source_.monotonic_ms() / kTickMs);
  unix_seconds_ = source_.unix_seconds();
  birth_ = birth_at(unix_seconds_);
}

}  // namespace sluice
