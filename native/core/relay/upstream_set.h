// The resolved upstream targets of a shard and the choice among them (RFC 3263 4.2-4.4); besides, the other nodes of the farm, which are
// watched like upstreams but chosen only by a token that names them.
#pragma once

#include <array>

#include "core/sip/address.h"
#include "core/relay/edge_config.h"

namespace sluice {

// RFC 3261 18.1.1, for an unknown path MTU.
constexpr bool is_too_large_for_udp(size_t octets) noexcept { return octets > 1300; }
constexpr size_t kGrowth = 300;  // of a request that passes through us: Via, Path or Record-Route

struct Upstream {
  Address address;
  Transport transport = Transport::udp;
  uint16_t priority = 0;  // the lowest with a live target is used
  uint16_t weight = 1;    // share within a priority; 0: almost none (RFC 2782)
  bool alive = true;
  int16_t node = -1;      // of the farm; -1: an upstream
};

// At most kCapacity targets, stored in place: nothing here allocates.
//
// The choice is highest-random-weight hashing: each target draws a number from the hash and its own address, and the best one wins. So a
// hash keeps its target while that is alive, whatever the order of the list (RFC 3263 4.4), and when a target dies only its share moves.
class UpstreamSet {
 public:
  static constexpr int kMaxUpstreams = 64;
  static constexpr int kMaxNodes = 63;
  static constexpr int kCapacity = kMaxUpstreams + kMaxNodes;

  // False, and nothing is added: there are as many already, the set has that address over that transport or that node, the name is too
  // long, or an upstream comes after a node.
  bool add(const Upstream& upstream, Text name) noexcept;

  int size() const noexcept { return size_; }
  const Upstream& at(int index) const noexcept { return slots_[static_cast<size_t>(index)].upstream; }
  Text name(int index) const noexcept;

  // Chooses among the live targets of the lowest priority, by weight; -1: none is alive. `tried`: a bit for each target to skip.
  int pick(uint64_t hash, uint64_t tried = 0) const noexcept;
  // Whether pick() depends on the hash.
  bool has_choice() const noexcept { return upstreams_ > 1; }

  // -1: none.
  int find(const Address& address, Transport transport) const noexcept;
  // The same or, if there is none, what this address has over UDP, TCP or TLS, in this order.
  int find_any(const Address& address, Transport preferred) const noexcept;
  // The node of the farm with this number; -1: none.
  int find_node(uint8_t node) const noexcept;
  // Whether the sender is a node of the farm: over UDP by its address and port, over a connection, whose port says nothing, by its address.
  bool is_node(const Address& sender, Transport transport) const noexcept;
  // Whether an upstream has this IP address, on any port.
  bool has_host(const Address& address) const noexcept;

  // Where a request of this size goes if `index` was chosen: if that target uses UDP and the request is too large, to the same machine over
  // TCP (RFC 3261 18.1.1), provided that is a live target too.
  int for_size(int index, size_t octets) const noexcept;

  // Where a request to a SIPS address goes if `index` was chosen: to the same machine over TLS, provided that is a live target too.
  int for_sips(int index) const noexcept;

  // The target that a URI's host names, with its port unless that is 0; `hash` picks among several, a dead one only if none is alive.
  // -1: none.
  int find_name(Text host, uint16_t port, uint64_t hash = 0) const noexcept;

  void set_alive(int index, bool alive) noexcept;

 private:
  static constexpr size_t kMaxName = 255;

  struct Slot {
    Upstream upstream;
    uint64_t seed = 0;  // for its draws, derived from address and transport
    uint8_t name_size = 0;
    char name[kMaxName] = {};
  };

  int beside(int index, Transport transport) const noexcept;

  class Contest;

  std::array<Slot, kCapacity> slots_{};
  int size_ = 0;
  int upstreams_ = 0;  // the first ones; nodes follow
};

}  // namespace sluice
