// How many wrong passwords a source and a user may send before we stop checking them (RFC 3261 26.1, RFC 7616 5.8): one memory for all
// shards. A client that has proved to be this user from this network is still heard, so neither a guesser behind the same NAT nor one who
// knows the name can lock a phone out. A network full of phones that log in may have more failures than an empty one.
#pragma once

#include <array>
#include <mutex>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/image.h"
#include "core/base/zeroed.h"
#include "core/crypto/siphash.h"
#include "core/sip/address.h"

namespace sluice {

class LoginGuard {
 public:
  explicit LoginGuard(const SipKey& key, uint32_t sets = 8'192);

  // What may_try() and proved() are asked with: something else is done until the entry has been fetched from a large memory.
  uint64_t expect(const Address& client, Text user) const noexcept {
    const uint64_t pair = key_of(&client, &user);
    proven_.prefetch(pair);
    return pair;
  }
  // `pair`: from expect(). `now`: seconds of a clock that never runs backwards. False: too many failures; do not check the credentials.
  bool may_try(uint64_t pair, const Address& client, Text user, uint32_t now) noexcept;
  bool may_try(const Address& client, Text user, uint32_t now) noexcept { return may_try(expect(client, user), client, user, now); }
  void failed(const Address& client, Text user, uint32_t now) noexcept;
  void proved(uint64_t pair, const Address& client, uint32_t now) noexcept;
  void proved(const Address& client, Text user, uint32_t now) noexcept { proved(expect(client, user), client, now); }

  // For the successor of this process, which has the same key. `all`: else what has changed since the last time.
  void freeze(ImageWriter& image, bool all) noexcept;
  void adopt(ImageReader& image) noexcept;

  static constexpr uint32_t kSourceBurst = 30, kSourceSeconds = 10;  // failures in a burst, and the time after which one is forgiven
  static constexpr uint32_t kUserBurst = 20, kUserSeconds = 30;
  static constexpr uint32_t kPerProvenUser = 2;  // extra failures of a source per user that has logged in there
  static constexpr uint32_t kProvenSeconds = 86'400;

 private:
  struct Entry {
    uint64_t key = 0;
    uint32_t last = 0;
    uint16_t failures = 0;
    uint16_t proven = 0;  // for a source: users that have logged in there
  };
  // Eight entries per set; the least recently used gives way.
  struct Memory {
    static constexpr size_t kWays = 8;
    static constexpr size_t kLine = 64;  // octets, of the caches
    explicit Memory(uint32_t count) : sets(count), entries(zeroed<Entry>(size_t{count} * kWays)), is_new(count) {}
    const Entry* find(uint64_t key) const noexcept;
    void prefetch(uint64_t key) const noexcept {
      for (size_t i = 0; i < kWays; i += kLine / sizeof(Entry)) __builtin_prefetch(&entries[(key >> 1) % sets * kWays + i]);
    }
    // To change it. nullptr: there is none.
    Entry* change(uint64_t key) noexcept;
    Entry& have(uint64_t key, uint32_t now) noexcept;
    const uint32_t sets;
    const Zeroed<Entry> entries;
    std::vector<bool> is_new;  // something in a set, since the last freeze()
  };

  uint64_t key_of(const Address* client, const Text* user) const noexcept;
  static uint32_t failures_of(const Entry* entry, uint32_t seconds, uint32_t now) noexcept;
  static void add_failure(Entry& entry, uint32_t seconds, uint32_t now) noexcept;
  bool is_proven(const Entry* pair, uint32_t now) const noexcept { return pair != nullptr && now - pair->last <= kProvenSeconds; }

  SipKey key_;
  std::mutex lock_;  // held for a few comparisons; logins are rare compared with messages
  Memory failures_;  // of sources, and of users
  Memory proven_;    // pairs of source and user
};

}  // namespace sluice
