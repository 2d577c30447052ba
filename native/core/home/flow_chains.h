// Which bindings came over which flow: those that go when the flow ends, even if there are a hundred thousand. The bindings of a flow form
// a chain through their blocks.
#pragma once

#include <array>
#include <mutex>
#include <vector>

#include "core/crypto/siphash.h"
#include "core/home/binding_block.h"
#include "core/home/ref_index.h"

namespace sluice {

class FlowChains {
 public:
  FlowChains(const SipKey& key, BlockArena& arena) : key_(key), arena_(arena) {}

  // Call without holding a lock.
  void make_room(Text flow);
  // The block already contains its texts. No-op if it has no lifeline.
  void link(BlockRef ref) noexcept;
  void unlink(BlockRef ref) noexcept;

  // The hashes of some addresses of record with bindings on this flow; none: there are no more.
  void some_of(Text flow, size_t most, std::vector<uint64_t>& hashes);

 private:
  struct alignas(64) Stripe {
    std::mutex lock;  // the innermost lock, except the arena's
    RefIndex index;
  };
  static constexpr size_t kStripes = 64;

  uint64_t hash_of(Text flow) const noexcept { return table_hash(key_, flow.data(), flow.size()); }
  Stripe& stripe_of(uint64_t hash) noexcept { return stripes_[hash >> 58]; }
  RefIndex::Slot* find(Stripe& stripe, uint64_t hash, Text flow) noexcept;
  BindingBlock& block(BlockRef ref) const noexcept { return *arena_.at<BindingBlock>(ref); }

  const SipKey key_;
  BlockArena& arena_;
  std::array<Stripe, kStripes> stripes_;
};

}  // namespace sluice
