// A process that the keeper has started: a server, or one that waits to become it.
#pragma once

#include <sys/types.h>

#include <vector>

namespace sluice {

struct Child {
  pid_t pid = 0;
  int channel = -1;  // our end
};

// Starts the program with the other end of a channel; `waits`: as a standby. False: it cannot be started, and a line says why.
bool spawn(const std::vector<char*>& command, bool waits, Child& child);

}  // namespace sluice
