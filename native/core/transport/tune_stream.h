// The settings of a TCP connection of ours. On a listening socket they hold for all that it accepts, at no system call for each.
#pragma once

#include <linux/tcp.h>
#include <netinet/in.h>

#include "core/transport/socket_option.h"

namespace sluice {

// OB-5.4-16: even without Flow-Timer, the kernel detects a half-open connection within about three minutes.
constexpr int kKeepIdle = 60, kKeepInterval = 20, kKeepCount = 4, kUserTimeoutMs = 120'000;

inline void tune_stream(int fd) noexcept {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepIdle);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepInterval);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepCount);
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMs);
}

}  // namespace sluice
