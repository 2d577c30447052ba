// A connection on its way to the process that takes over: its place in the flow table, and its descriptor.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace sluice {

struct MovingFlow {
  uint32_t slot = 0;
  uint32_t generation = 0;
  int fd = -1;
};

// What a process that crashed has left of a shard; the descriptors are whoever's who has it.
struct LeftFlows {
  int memory = -1;
  std::vector<MovingFlow> flows;

  // Nobody wants them.
  void drop() noexcept {
    if (memory >= 0) close(std::exchange(memory, -1));
    for (const MovingFlow& one : std::exchange(flows, {})) close(one.fd);
  }
};

struct MoveCounts {
  uint32_t over = 0;  // connections that the other process has
  uint32_t kept = 0;  // and those that stay, such as handshakes
};

}  // namespace sluice
