// The resolved upstream targets of a shard and the choice among them (RFC 3263 4.2-4.4).
#pragma once

#include <array>

#include "core/sip/address.h"
#include "core/relay/edge_config.h"

namespace sluice {

// RFC 3261 18.1.1, where the path MTU is not known.
constexpr bool is_too_large_for_udp(size_t octets) noexcept { return octets > 1300; }

struct Upstream {
  Address address;
  Transport transport = Transport::udp;
  uint16_t priority = 0;  // the lowest that is alive is used
  uint16_t weight = 1;    // share within a priority; 0: next to none (RFC 2782)
  bool alive = true;
};

// At most kCapacity targets, held in place: nothing here allocates.
//
// The choice is highest-random-weight hashing: each target draws a number from the hash and its own address, and the best one wins. So
// a hash keeps its target while that lives, whatever the order of the list (RFC 3263 4.4), and the death of one moves its own share only.
class UpstreamSet {
 public:
  static constexpr int kCapacity = 64;

  // False, and nothing is added, when the set is full, knows that address over that transport already, or the name is too long.
  bool add(const Upstream& upstream, Text name) noexcept;

  int size() const noexcept { return size_; }
  const Upstream& at(int index) const noexcept { return slots_[static_cast<size_t>(index)].upstream; }
  Text name(int index) const noexcept;

  // Among the alive targets of the lowest priority, by weight; -1 when none is alive. `tried`: a bit for each target that is passed over.
  int pick(uint64_t hash, uint64_t tried = 0) const noexcept;

  // -1: there is none.
  int find(const Address& address, Transport transport) const noexcept;

  // The target that a request of that size goes to when `index` was chosen: where that one speaks UDP, the same machine over TCP (RFC 3261
  // 18.1.1), if it is a target too and alive.
  int for_size(int index, size_t octets) const noexcept;

  // The target that a request to a SIPS address goes to when `index` was chosen: the same machine over TLS, if it is a target too and alive.
  int for_sips(int index) const noexcept;

  // The target that a URI's host names, with its port unless that is 0; picked by `hash` when there are several, a dead one only when none
  // is alive. -1: there is none.
  int find_name(Text host, uint16_t port, uint64_t hash = 0) const noexcept;

  void set_alive(int index, bool alive) noexcept;

 private:
  static constexpr size_t kMaxName = 255;

  struct Slot {
    Upstream upstream;
    uint64_t seed = 0;  // of its own draws, made from address and transport
    uint8_t name_size = 0;
    char name[kMaxName] = {};
  };

  int beside(int index, Transport transport) const noexcept;

  class Contest;

  std::array<Slot, kCapacity> slots_{};
  int size_ = 0;
};

}  // namespace sluice
