// Sets a socket option. If the kernel does not support it, we use the socket without it.
#pragma once

#include <sys/socket.h>

namespace sluice {

inline void set_option(int fd, int level, int name, int value) noexcept { setsockopt(fd, level, name, &value, sizeof value); }

}  // namespace sluice
