// What each source makes the process hold, counted exactly across all shards: a limit holds on whichever shard the kernel puts a
// connection. Used once when a flow begins and once when it ends, never per message.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
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
 public:
  SourceShares();

  Grant take(Holding what, const Address& source, uint64_t amount, const ShareLimit& limit) noexcept;
  void give(Holding what, const Address& source, uint64_t amount) noexcept;

  uint64_t held(Holding what) const noexcept { return totals_[index_of(what)].load(std::memory_order_relaxed); }
  uint64_t held_by(Holding what, const Address& source) noexcept;
  // Number of sources that hold anything.
  size_t sources() noexcept;

 private:
  static constexpr size_t kHoldings = static_cast<size_t>(Holding::binding);  // those before it
  static constexpr size_t kStripes = 64;

  struct KeyHash {
    SipKey key;
    size_t operator()(const SourceKey& source) const noexcept { return siphash(key, &source, sizeof source); }
  };
  struct Held {
    uint64_t amounts[kHoldings] = {};
    bool is_empty() const noexcept;
  };
  // The lock is held for one look-up, never during a system call or in JavaScript.
  struct alignas(64) Stripe {
    std::mutex lock;
    std::unordered_map<SourceKey, Held, KeyHash> sources;
  };

  static size_t index_of(Holding what) noexcept { return static_cast<size_t>(what); }
  Stripe& stripe_of(const SourceKey& source) noexcept { return stripes_[(hash_(source) >> 48) & (kStripes - 1)]; }
  bool take_of_all(Holding what, uint64_t amount, uint64_t limit) noexcept;

  KeyHash hash_;
  std::atomic<uint64_t> totals_[kHoldings] = {};
  Stripe stripes_[kStripes];
};

}  // namespace sluice
