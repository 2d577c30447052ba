#include "core/relay/upstream_set.h"

#include <cmath>

#include "core/sip/uri.h"

namespace sluice {
namespace {

// RFC 2782: weight 0 has a very small chance next to other weights, and an equal chance among other zeros.
constexpr double kZeroWeight = 1.0 / 64;

// The finalizer of SplitMix64: every bit of the input affects every bit of the output.
constexpr uint64_t mix(uint64_t word) noexcept {
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
  word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
  return word ^ (word >> 31);
}

uint64_t seed_of(const Address& address, Transport transport) noexcept {
  uint64_t high = 0;
  uint64_t low = 0;
  std::memcpy(&high, address.ip, 8);
  std::memcpy(&low, address.ip + 8, 8);
  return mix(mix(mix(high) + low) + (uint64_t{address.port} << 8 | static_cast<uint64_t>(transport)));
}

}  // namespace

// One choice: candidates enter one by one, and `winner` holds the best so far.
class UpstreamSet::Contest {
 public:
  explicit Contest(uint64_t hash) noexcept : hash_(hash) {}

  void enter(int index, const Slot& slot) noexcept {
    const Upstream& upstream = slot.upstream;
    if (winner >= 0 && upstream.priority > best_.priority) return;
    const uint64_t draw = mix(hash_ + slot.seed) >> 11;
    if (winner < 0 || upstream.priority < best_.priority || beats(draw, upstream.weight)) {
      winner = index;
      best_ = {upstream.priority, upstream.weight, draw};
    }
  }

  int winner = -1;

 private:
  struct Draw {
    uint16_t priority;
    uint16_t weight;
    uint64_t number;  // 53 bits, as many as a double holds
  };

  // Among exponential variables with rates w, number i is the least with probability w(i) / sum(w). Equal rates need no logarithm.
  bool beats(uint64_t number, uint16_t weight) const noexcept {
    if (weight == best_.weight) return number > best_.number;
    return wait(number, weight) < wait(best_.number, best_.weight);
  }

  static double wait(uint64_t number, uint16_t weight) noexcept {
    const double uniform = (static_cast<double>(number) + 0.5) * 0x1p-53;
    return -std::log(uniform) / (weight == 0 ? kZeroWeight : weight);
  }

  uint64_t hash_;
  Draw best_{};
};

bool UpstreamSet::add(const Upstream& upstream, Text name) noexcept {
  const bool is_node = upstream.node >= 0;
  if (is_node ? size_ - upstreams_ == kMaxNodes || find_node(static_cast<uint8_t>(upstream.node)) >= 0 : upstreams_ == kMaxUpstreams || size_ > upstreams_) return false;
  if (name.size() > kMaxName || find(upstream.address, upstream.transport) >= 0) return false;
  if (!is_node) ++upstreams_;
  Slot& slot = slots_[static_cast<size_t>(size_++)];
  slot.upstream = upstream;
  slot.seed = seed_of(upstream.address, upstream.transport);
  slot.name_size = static_cast<uint8_t>(name.size());
  name.copy(slot.name, kMaxName);
  return true;
}

Text UpstreamSet::name(int index) const noexcept {
  const Slot& slot = slots_[static_cast<size_t>(index)];
  return Text(slot.name, slot.name_size);
}

int UpstreamSet::pick(uint64_t hash, uint64_t tried) const noexcept {
  Contest contest(hash);
  for (int i = 0; i < upstreams_; ++i)
    if (at(i).alive && (tried >> i & 1) == 0) contest.enter(i, slots_[static_cast<size_t>(i)]);
  return contest.winner;
}

int UpstreamSet::find(const Address& address, Transport transport) const noexcept {
  for (int i = 0; i < size_; ++i)
    if (at(i).transport == transport && at(i).address == address) return i;
  return -1;
}

int UpstreamSet::find_any(const Address& address, Transport preferred) const noexcept {
  int found = -1;
  for (int i = 0; i < size_; ++i) {
    if (!(at(i).address == address)) continue;
    const Transport transport = at(i).transport;
    if (transport == preferred) return i;
    if (transport <= Transport::tls && (found < 0 || transport < at(found).transport)) found = i;
  }
  return found;
}

int UpstreamSet::find_node(uint8_t node) const noexcept {
  for (int i = upstreams_; i < size_; ++i)
    if (at(i).node == node) return i;
  return -1;
}

bool UpstreamSet::is_node(const Address& sender, Transport transport) const noexcept {
  for (int i = upstreams_; i < size_; ++i)
    if (is_stream(transport) ? at(i).address.same_ip(sender) : at(i).address == sender) return true;
  return false;
}

bool UpstreamSet::has_host(const Address& address) const noexcept {
  for (int i = 0; i < upstreams_; ++i)
    if (at(i).address.same_ip(address)) return true;
  return false;
}

int UpstreamSet::find_name(Text host, uint16_t port, uint64_t hash) const noexcept {
  Contest alive(hash);
  Contest dead(hash);
  for (int i = 0; i < upstreams_; ++i) {
    if ((port != 0 && at(i).address.port != port) || !same_host(name(i), host)) continue;
    (at(i).alive ? alive : dead).enter(i, slots_[static_cast<size_t>(i)]);
  }
  return alive.winner >= 0 ? alive.winner : dead.winner;
}

int UpstreamSet::for_size(int index, size_t octets) const noexcept {
  const Upstream& chosen = at(index);
  if (!is_too_large_for_udp(octets) || chosen.transport != Transport::udp) return index;
  for (const Transport transport : {Transport::tcp, Transport::tls})
    if (const int other = beside(index, transport); other >= 0) return other;
  return index;
}

int UpstreamSet::for_sips(int index) const noexcept {
  const int other = is_secure(at(index).transport) ? index : beside(index, Transport::tls);
  return other >= 0 ? other : index;
}

// The live target on the same machine over another transport; -1: none.
int UpstreamSet::beside(int index, Transport transport) const noexcept {
  for (int i = 0; i < upstreams_; ++i)
    if (at(i).alive && at(i).transport == transport && at(i).address.same_ip(at(index).address)) return i;
  return -1;
}

void UpstreamSet::set_alive(int index, bool alive) noexcept { slots_[static_cast<size_t>(index)].upstream.alive = alive; }

}  // namespace sluice
