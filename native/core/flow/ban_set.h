// Networks that the operator has banned: nothing from them is read. An empty set costs one comparison.
#pragma once

#include <algorithm>
#include <vector>

#include "core/sip/address.h"

namespace sluice {

// `prefix` refers to the 128-bit form: an IPv4 address is /128, its /24 is /120.
struct BannedNet {
  Address base;
  uint8_t prefix = 128;
};

class BanSet {
 public:
  // Ports are ignored.
  void replace(const std::vector<BannedNet>& banned) noexcept {
    lengths_.clear();
    for (const BannedNet& net : banned) {
      auto same = std::find_if(lengths_.begin(), lengths_.end(), [&](const Length& length) { return length.prefix == net.prefix; });
      if (same == lengths_.end()) same = lengths_.insert(lengths_.end(), Length{net.prefix, {}});
      same->sorted.push_back(cut(net.base, net.prefix));
    }
    for (Length& length : lengths_) std::sort(length.sorted.begin(), length.sorted.end(), before);
  }
  bool empty() const noexcept { return lengths_.empty(); }
  bool holds(const Address& address) const noexcept {
    for (const Length& length : lengths_)
      if (std::binary_search(length.sorted.begin(), length.sorted.end(), cut(address, length.prefix), before)) return true;
    return false;
  }

 private:
  struct Length {
    uint8_t prefix;
    std::vector<Address> sorted;
  };

  static bool before(const Address& a, const Address& b) noexcept { return std::memcmp(a.ip, b.ip, sizeof a.ip) < 0; }
  static Address cut(const Address& address, uint8_t prefix) noexcept {
    Address net = address;
    for (unsigned octet = 0; octet < sizeof net.ip; ++octet) {
      const unsigned kept = prefix > octet * 8 ? std::min(prefix - octet * 8, 8u) : 0;
      net.ip[octet] &= static_cast<uint8_t>(0xff00u >> kept);
    }
    return net;
  }

  std::vector<Length> lengths_;
};

}  // namespace sluice
