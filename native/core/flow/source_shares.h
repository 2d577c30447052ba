// What each source makes the process hold, counted exactly across all shards: a limit holds on whichever shard the kernel puts a
// connection. Used when a flow or a transaction begins and when it ends.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <unordered_map>

#include "core/base/layout.h"
#include "core/crypto/siphash.h"
#include "core/sip/address.h"

namespace sluice {

enum class Grant : uint8_t { given, source_full, all_full };

// How much all sources together may hold, and how much each of them.
struct ShareLimit {
  uint64_t all = UINT64_MAX;
  uint64_t each = UINT64_MAX;
};

// A source as the limits count it: an IPv4 address, or the /64 of an IPv6 address, since whoever has one address of it has them all.
struct SourceKey {
  explicit SourceKey(const Address& address) noexcept;
  bool operator==(const SourceKey& other) const noexcept { return high == other.high && low == other.low; }
  uint64_t high = 0;
  uint64_t low = 0;
};

class SourceShares {
  static constexpr size_t kHoldings = static_cast<size_t>(Holding::binding);  // those before it

  // Hashed once for stripe and table.
  struct HashedKey {
    SourceKey source;
    uint64_t hash;
    bool operator==(const HashedKey& other) const noexcept { return source == other.source; }
  };
  struct KnownHash {
    size_t operator()(const HashedKey& key) const noexcept { return key.hash; }
  };
  struct Held {
    uint64_t amounts[kHoldings] = {};
    bool is_empty() const noexcept;
  };
  using Sources = std::unordered_map<HashedKey, Held, KnownHash>;

 public:
  SourceShares() : key_(random_sip_key()) {}

  struct Wanted {
    Holding what;
    uint64_t amount;
    ShareLimit limit;
  };
  // The entry of a source, which stays where it is as long as the source holds anything: for giving back without a look-up.
  using Place = Sources::value_type*;

  Grant take(Holding what, const Address& source, uint64_t amount, const ShareLimit& limit) noexcept;
  void give(Holding what, const Address& source, uint64_t amount) noexcept;
  // All or nothing. `place`: for give(), which must be called for all that was granted; unchanged if nothing was.
  Grant take(std::span<const Wanted> all, const Address& source, Place& place) noexcept;
  void give(std::span<const Wanted> all, Place place) noexcept;

  uint64_t held(Holding what) const noexcept { return totals_[index_of(what)].load(std::memory_order_relaxed); }
  uint64_t held_by(Holding what, const Address& source) noexcept;
  // Number of sources that hold anything.
  size_t sources() noexcept;

 private:
  static constexpr size_t kStripes = 64;

  // The lock is held for one look-up, never during a system call or in JavaScript.
  struct alignas(64) Stripe {
    std::mutex lock;
    Sources sources;
  };

  static size_t index_of(Holding what) noexcept { return static_cast<size_t>(what); }
  HashedKey key_of(const Address& source) const noexcept {
    const SourceKey key(source);
    return {key, table_hash(key_, &key, sizeof key)};
  }
  Stripe& stripe_of(const HashedKey& key) noexcept { return stripes_[(key.hash >> 48) & (kStripes - 1)]; }
  void give_from(Stripe& stripe, Sources::value_type& entry, std::span<const Wanted> all) noexcept;
  bool take_of_all(Holding what, uint64_t amount, uint64_t limit) noexcept;

  SipKey key_;
  std::atomic<uint64_t> totals_[kHoldings] = {};
  Stripe stripes_[kStripes];
};

}  // namespace sluice
