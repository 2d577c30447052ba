// A number for a socket option. A kernel that does not know the option is no reason to do without the socket.
#pragma once

#include <sys/socket.h>

namespace sluice {

inline void set_option(int fd, int level, int name, int value) noexcept { setsockopt(fd, level, name, &value, sizeof value); }

}  // namespace sluice
