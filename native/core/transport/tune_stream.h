// The settings of a TCP connection of ours. On a listening socket they hold for all that it accepts, at no system call for each.
#pragma once

namespace sluice {

// OB-5.4-16: even without Flow-Timer, the kernel detects a half-open connection within about three minutes.
constexpr int kKeepIdle = 60, kKeepInterval = 20, kKeepCount = 4, kUserTimeoutMs = 120'000;

void tune_stream(int fd) noexcept;

}  // namespace sluice
