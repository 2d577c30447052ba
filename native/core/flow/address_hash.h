// The hash of a UDP flow's address, of which each datagram takes one or two. Multilinear with a secret key (strongly universal): whoever does not
// know the key cannot choose addresses that meet in a bucket more often than by chance, and nobody is told a hash. SipHash took 290 instructions.
#pragma once

#include "core/base/bytes.h"
#include "core/crypto/siphash.h"
#include "core/sip/address.h"

namespace sluice {

class AddressHash {
 public:
  explicit AddressHash(const SipKey& secret) noexcept {
    constexpr Text kNames[kKeys] = {"flow hash, sum", "flow hash, port", "flow hash, IPv6 high", "flow hash, IPv6 low"};
    for (size_t i = 0; i < kKeys; ++i) {
      const SipKey key = derive(secret, kNames[i]);
      keys_[i] = Wide{key.k0} << 64 | key.k1;
    }
  }

  uint32_t operator()(const Address& remote, uint16_t listener) const noexcept {
    uint64_t high, low;
    std::memcpy(&high, remote.ip, sizeof high);
    std::memcpy(&low, remote.ip + 8, sizeof low);
    const uint64_t ports = uint64_t{remote.port} << 16 | listener;
    Wide sum = keys_[0];
    if (remote.is_v4()) {
      uint32_t ip;
      std::memcpy(&ip, remote.ip + 12, sizeof ip);
      sum += keys_[1] * (uint64_t{ip} << 32 | ports);
    } else {
      sum += keys_[1] * ports + keys_[2] * high + keys_[3] * low;
    }
    return static_cast<uint32_t>(sum >> 96);  // the upper half is universal, the lower one is not
  }

 private:
  using Wide = unsigned __int128;
  static constexpr size_t kKeys = 4;

  Wide keys_[kKeys];
};

}  // namespace sluice
