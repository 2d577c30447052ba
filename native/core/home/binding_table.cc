#include "core/home/binding_table.h"

#include <algorithm>

#include "core/base/now_ns.h"

namespace sluice {
namespace {

constexpr size_t kExpiredAtOnce = 64;
constexpr size_t kAddressesAtOnce = 64;

}  // namespace

BindingTable::BindingTable(const SipKey& key, const TableBounds& bounds, uint64_t now)
    : key_(key), most_bindings_(bounds.bindings), begin_(now), arena_(bounds.octets), timers_{arena_}, flows_(derive(key, "flows"), arena_), shares_(derive(key, "sources")) {
  for (size_t i = 0; i < kStripes; ++i) stripes_.emplace_back(timers_);
}

void BindingTable::skip_lsn_to(uint64_t lsn) noexcept {
  if (lsn > next_lsn()) lsn_.store(lsn, std::memory_order_relaxed);
}

void BindingTable::set_bounds(const TableBounds& bounds) noexcept {
  most_bindings_.store(bounds.bindings, std::memory_order_relaxed);
  arena_.set_most(bounds.octets);
}

void BindingTable::lookup(Text aor, uint64_t now, BindingSink& found) {
  const uint64_t hash = hash_of(aor);
  Stripe& stripe = stripe_of(hash);
  const std::lock_guard<std::mutex> guard(stripe.lock);
  const RefIndex::Slot* const slot = find(stripe, hash, aor);
  char scratch[kKeyScratch];
  for (BlockRef ref = slot == nullptr ? 0 : head(slot->ref).first; ref != 0; ref = block(ref).next)
    if (block(ref).expires > now) found.take(read_block(block(ref), scratch));
}

bool BindingTable::remove(Text aor, Text key, uint64_t seen, BindingEvent why) {
  const uint64_t hash = hash_of(aor);
  Stripe& stripe = stripe_of(hash);
  const std::lock_guard<std::mutex> guard(stripe.lock);
  const RefIndex::Slot* const slot = find(stripe, hash, aor);
  if (slot == nullptr) return false;
  return remove_if(stripe, slot->ref, why, [&](const BindingBlock& one) { return one.has_key(key) && one.updated <= seen; }) > 0;
}

// The chain of the flow says where to look; the lock of the address protects what is really there.
size_t BindingTable::remove_flow(Text flow, size_t most, bool& more) {
  std::vector<uint64_t> hashes;
  size_t removed = 0;
  more = true;
  while (removed < most) {
    flows_.some_of(flow, kAddressesAtOnce, hashes);
    more = !hashes.empty();
    if (!more) break;
    for (const uint64_t hash : hashes) {
      Stripe& stripe = stripe_of(hash);
      const std::lock_guard<std::mutex> guard(stripe.lock);
      if (const RefIndex::Slot* const slot = find_hash(stripe, hash); slot != nullptr)
        removed += remove_if(stripe, slot->ref, BindingEvent::flow_gone, [&](const BindingBlock& one) { return one.lifeline() == flow; });
    }
  }
  return removed;
}

size_t BindingTable::expire(uint64_t now, uint64_t budget, uint32_t& cursor, bool& more) {
  const uint64_t end = now_ns() + budget;
  size_t removed = 0;
  bool begun = false;  // each call makes progress, however short its time
  more = true;
  for (; cursor < kStripes; ++cursor) {
    Stripe& stripe = stripes_[cursor];
    for (bool is_behind = true; is_behind;) {
      if (begun && now_ns() > end) return removed;
      begun = true;
      const std::lock_guard<std::mutex> guard(stripe.lock);
      stripe.wheel.advance(static_cast<uint32_t>(tick_of(now)), kExpiredAtOnce, [&](BlockRef ref) {
        // A refresh does not move the timer, so it may fire too early.
        if (block(ref).expires > now) return arm(stripe, ref);
        const BlockRef of = block(ref).head;
        news_.add(BindingEvent::expired, head(of).hash, head(of).text(), block(ref));
        unlink(ref);
        release(stripe, ref);
        drop_empty(stripe, of);
        ++removed;
      });
      is_behind = stripe.wheel.is_behind();
    }
  }
  cursor = 0;
  more = false;
  return removed;
}

RefIndex::Slot* BindingTable::find(Stripe& stripe, uint64_t hash, Text aor) noexcept {
  return stripe.index.find(static_cast<uint32_t>(hash), [&](BlockRef ref) { return head(ref).hash == hash && head(ref).text() == aor; });
}

RefIndex::Slot* BindingTable::find_hash(Stripe& stripe, uint64_t hash) noexcept {
  return stripe.index.find(static_cast<uint32_t>(hash), [&](BlockRef ref) { return head(ref).hash == hash; });
}

BlockRef BindingTable::make_head(Stripe& stripe, uint64_t hash, Text aor) noexcept {
  const BlockRef ref = arena_.take(sizeof(AorHead) + aor.size());
  if (ref == 0) return 0;
  AorHead& fresh = head(ref);
  fresh = AorHead{hash, 0, 0, static_cast<uint16_t>(aor.size())};
  aor.copy(reinterpret_cast<char*>(&fresh + 1), aor.size());
  stripe.index.insert(static_cast<uint32_t>(hash), ref);
  addresses_.fetch_add(1, std::memory_order_relaxed);
  return ref;
}

void BindingTable::add(Stripe& stripe, BlockRef of, BlockRef ref) noexcept {
  append(of, ref);
  bindings_.fetch_add(1, std::memory_order_relaxed);
  flows_.link(ref);
  shares_.take(block(ref).payer, block(ref).octets());
  arm(stripe, ref);
}

void BindingTable::append(BlockRef of, BlockRef ref) noexcept {
  block(ref).head = of;
  block(ref).next = 0;
  BlockRef* last = &head(of).first;
  while (*last != 0) last = &block(*last).next;
  *last = ref;
  ++head(of).count;
}

void BindingTable::arm(Stripe& stripe, BlockRef ref) noexcept {
  // A distant expiry is checked again after the wheel's longest delay.
  const uint64_t due = tick_of(block(ref).expires) + 1;
  const uint64_t at = stripe.wheel.now();
  stripe.wheel.arm(ref, static_cast<uint32_t>(std::min<uint64_t>(due <= at ? 1 : due - at, TimingWheel<Timers>::kMaxDelay)));
}

void BindingTable::unlink(BlockRef ref) noexcept {
  AorHead& address = head(block(ref).head);
  BlockRef* link = &address.first;
  while (*link != ref) link = &block(*link).next;
  *link = block(ref).next;
  --address.count;
}

void BindingTable::release(Stripe& stripe, BlockRef ref) noexcept {
  stripe.wheel.cancel(ref);
  flows_.unlink(ref);
  const size_t octets = block(ref).octets();
  shares_.give(block(ref).payer, octets);
  arena_.give(ref, octets);
  bindings_.fetch_sub(1, std::memory_order_relaxed);
}

void BindingTable::drop_empty(Stripe& stripe, BlockRef of) noexcept {
  AorHead& address = head(of);
  if (address.first != 0) return;
  stripe.index.erase(stripe.index.find(static_cast<uint32_t>(address.hash), [of](BlockRef ref) { return ref == of; }));
  arena_.give(of, sizeof(AorHead) + address.size);
  addresses_.fetch_sub(1, std::memory_order_relaxed);
}

template <typename Goes>
size_t BindingTable::remove_if(Stripe& stripe, BlockRef of, BindingEvent why, Goes&& goes) {
  static thread_local std::vector<uint64_t> names;
  names.clear();
  const uint64_t hash = head(of).hash;
  for (BlockRef ref = head(of).first; ref != 0;) {
    const BlockRef after = block(ref).next;
    if (goes(block(ref))) {
      names.push_back(block(ref).lsn);
      news_.add(why, hash, head(of).text(), block(ref));
      unlink(ref);
      release(stripe, ref);
    }
    ref = after;
  }
  if (names.empty()) return 0;
  drop_empty(stripe, of);
  log_drops(hash, names);
  return names.size();
}

void BindingTable::log_drops(uint64_t hash, const std::vector<uint64_t>& names) {
  if (log_ == nullptr) return;
  static thread_local std::string record;
  record.clear();
  RecordWriter writer(record, lsn_.fetch_add(names.size(), std::memory_order_relaxed), hash, Text());
  for (const uint64_t name : names) writer.drop(name);
  writer.finish();
  log_->append(record);
}

}  // namespace sluice
