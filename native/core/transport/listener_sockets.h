// The sockets that the shards of a process listen on, one per listener and shard.
//
// All are opened before any shard reads, in a fixed order, and stay open until all shards have ended: the kernel spreads clients over the
// sockets of a port (SO_REUSEPORT) by their number and order, so adding or removing one would lead clients with live flows to other
// shards. A restarted shard finds its sockets as they were, together with whatever has arrived in the meantime.
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
    bool apart = false;  // each shard has a port of its own: this one and its number
  };

  ListenerSockets() noexcept = default;
  ListenerSockets(const ListenerSockets&) = delete;
  ListenerSockets& operator=(const ListenerSockets&) = delete;
  ~ListenerSockets() noexcept;

  struct Failed {
    size_t shard = 0;
    size_t place = 0;
  };

  // 0, or an errno and what could not be opened; then none is open.
  int open(std::vector<Place> places, size_t shards, Failed* failed) noexcept;
  // The same with sockets that are open already, one per shard and place; they come from the process that this one replaces.
  void take_over(std::vector<Place> places, std::vector<std::vector<int>> sockets) noexcept;
  // One per place, in the order of the places.
  const std::vector<int>& of(size_t shard) const noexcept { return sockets_[shard]; }
  // Any thread. From now on connections are refused, and those not yet accepted are reset. The descriptors stay: shards still watch them.
  void stop_accepting() noexcept;
  // Connections are accepted again.
  void start_accepting() noexcept;
  // When no shard watches them any more.
  void close_all() noexcept;

 private:
  std::vector<Place> places_;
  std::vector<std::vector<int>> sockets_;  // of each shard
};

}  // namespace sluice
