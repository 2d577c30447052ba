// The sockets that the shards of a process listen on, one for each listener and shard.
//
// All are opened before any shard reads, in a fixed order, and stay open until the process ends: the kernel spreads clients over the sockets
// of a port (SO_REUSEPORT) by their number and order, so that a socket that came or went would lead the clients of living flows to other
// shards. A shard that is started again finds its sockets as they were, with what has come meanwhile.
#pragma once

#include <cstddef>
#include <vector>

#include "core/sip/address.h"
#include "core/transport/transport.h"

namespace sluice {

class ListenerSockets {
 public:
  struct Place {
    Transport transport = Transport::udp;
    Address address;
  };

  ListenerSockets() noexcept = default;
  ListenerSockets(const ListenerSockets&) = delete;
  ListenerSockets& operator=(const ListenerSockets&) = delete;
  ~ListenerSockets() noexcept;

  // 0, or an errno with the index of the place that cannot be had; then none is open.
  int open(std::vector<Place> places, size_t shards, size_t* failed) noexcept;
  // One for each place, in the order of the places.
  const std::vector<int>& of(size_t shard) const noexcept { return sockets_[shard]; }
  // Any thread. Connections are refused from now on, those that nobody has accepted are reset. The descriptors stay: shards still watch them.
  void stop_accepting() noexcept;

 private:
  void close_all() noexcept;

  std::vector<Place> places_;
  std::vector<std::vector<int>> sockets_;  // of each shard
};

}  // namespace sluice
