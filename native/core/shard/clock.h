// A shard's time. It is read once per tick, so it stands still within a turn.
#pragma once

#include <cstdint>

namespace sluice {

class TimeSource {
 public:
  virtual ~TimeSource() = default;
  virtual uint64_t monotonic_ms() const noexcept = 0;
  // That time or a little later, for much less: what only must not be too early.
  virtual uint64_t soon_ms() const noexcept { return monotonic_ms(); }
  virtual uint64_t unix_seconds() const noexcept = 0;
};

// The machine's clocks.
const TimeSource& system_time() noexcept;

class Clock {
 public:
  static constexpr uint32_t kTickMs = 50;
  static constexpr uint32_t kTicksPerSecond = 1000 / kTickMs;

  explicit Clock(const TimeSource& source) noexcept : source_(source) { read(); }

  void read() noexcept;
  uint32_t tick() const noexcept { return tick_; }
  uint64_t unix_seconds() const noexcept { return unix_seconds_; }
  uint32_t birth() const noexcept { return birth_; }  // see FlowName::birth
  bool reached(uint32_t due) const noexcept { return static_cast<int32_t>(tick_ - due) >= 0; }
  uint32_t ms_since(uint32_t tick) const noexcept { return (tick_ - tick) * kTickMs; }
  // Until so many milliseconds have passed from now, never sooner: a part of this tick is over, and the clock stands still during a turn.
  uint32_t ticks_from_now(uint64_t milliseconds) const noexcept { return ticks(source_.soon_ms() + milliseconds) - tick_; }
  static constexpr uint32_t ticks(uint64_t milliseconds) noexcept { return static_cast<uint32_t>((milliseconds + kTickMs - 1) / kTickMs); }

 private:
  const TimeSource& source_;
  uint32_t tick_ = 0;
  uint32_t birth_ = 0;
  uint64_t unix_seconds_ = 0;
};

}  // namespace sluice
