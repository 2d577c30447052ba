// Sources that the operator has banned: nothing of them is read. Without any it costs one comparison.
#pragma once

#include <algorithm>
#include <vector>

#include "core/sip/address.h"

namespace sluice {

class BanSet {
 public:
  // Ports are not looked at.
  void replace(std::vector<Address> banned) noexcept {
    sorted_ = std::move(banned);
    std::sort(sorted_.begin(), sorted_.end(), before);
  }
  bool empty() const noexcept { return sorted_.empty(); }
  bool holds(const Address& address) const noexcept {
    return !sorted_.empty() && std::binary_search(sorted_.begin(), sorted_.end(), address, before);
  }

 private:
  static bool before(const Address& a, const Address& b) noexcept { return std::memcmp(a.ip, b.ip, sizeof a.ip) < 0; }

  std::vector<Address> sorted_;
};

}  // namespace sluice
