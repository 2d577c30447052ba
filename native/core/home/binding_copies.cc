// Converts the table to records and back: a snapshot copies it, a replay restores it.
#include <algorithm>

#include "core/home/binding_table.h"
#include "core/base/now_ns.h"

namespace sluice {
namespace {

// A piece is copied under one lock, in far less than a millisecond.
constexpr uint32_t kSlotsAtOnce = 256;
constexpr size_t kOctetsOfRecord = 1 << 20;
// More than any configuration allows an address; this bounds what a damaged file can claim.
constexpr uint16_t kMostOfAddress = 4'096;

}  // namespace

bool BindingTable::copy_some(Walk& walk, std::string& out) {
  Stripe& stripe = stripes_[walk.stripe];
  const std::lock_guard<std::mutex> guard(stripe.lock);
  const uint64_t begin = now_ns();
  if (!walk.begun || walk.upheavals != stripe.index.upheavals()) {
    walk.begun = true;
    walk.slot = stripe.index.size();
    walk.upheavals = stripe.index.upheavals();
  }
  const size_t most = out.size() + kPiece;
  for (uint32_t looked = 0; walk.slot > 0 && looked < kSlotsAtOnce && out.size() < most; ++looked)
    if (const BlockRef ref = stripe.index.ref_at(--walk.slot); ref != 0) copy_address(head(ref), out);
  walk.longest = std::max(walk.longest, now_ns() - begin);
  if (walk.slot > 0) return true;
  walk.begun = false;
  return ++walk.stripe < kStripes;
}

bool BindingTable::addresses_of(uint32_t number, std::vector<AddressRow>& out) {
  if (number >= kStripes) return false;
  Stripe& stripe = stripes_[number];
  const std::lock_guard<std::mutex> guard(stripe.lock);
  for (uint32_t slot = stripe.index.size(); slot > 0;) {
    const BlockRef address = stripe.index.ref_at(--slot);
    if (address == 0) continue;
    AddressRow& row = out.emplace_back();
    row.aor = head(address).text();
    for (BlockRef ref = head(address).first; ref != 0; ref = block(ref).next) {
      row.first = std::min(row.first, block(ref).expires);
      row.last = std::max(row.last, block(ref).expires);
    }
  }
  return true;
}

void BindingTable::copy_address(const AorHead& address, std::string& out) const {
  for (BlockRef ref = address.first; ref != 0;) {
    const size_t begin = out.size();
    RecordWriter writer(out, block(ref).changed(), address.hash, address.text());
    for (; ref != 0 && out.size() - begin < kOctetsOfRecord; ref = block(ref).next) writer.put(block(ref));
    writer.finish();
  }
}

bool BindingTable::restore(RecordReader& record) {
  const bool is_address = !record.aor().empty();
  if (is_address && hash_of(record.aor()) != record.hash()) return false;
  Stripe& stripe = stripe_of(record.hash());
  if (is_address) make_room_in(stripe);
  RecordItem item;
  for (uint64_t lsn = record.lsn(); record.next(item); ++lsn) {
    arena_.prepare();
    if (item.kind == RecordItem::Kind::put && !item.binding[Part::flow].empty()) flows_.make_room(item.binding[Part::flow]);
    const std::lock_guard<std::mutex> guard(stripe.lock);
    if (item.kind == RecordItem::Kind::put) {
      if (!is_address) return false;
      skip_lsn_to(item.name + item.age + 1);
      if (!restore_put(stripe, record, item)) ++turned_away_;
      continue;
    }
    skip_lsn_to(lsn + 1);
    // The put it refers to may have been dropped again before the snapshot was taken.
    const RefIndex::Slot* const slot = find_hash(stripe, record.hash());
    BlockRef ref = slot == nullptr ? 0 : head(slot->ref).first;
    while (ref != 0 && block(ref).lsn != item.name) ref = block(ref).next;
    if (ref == 0) continue;
    BindingBlock& one = block(ref);
    if (item.kind == RecordItem::Kind::drop) {
      const BlockRef of = one.head;
      unlink(ref);
      release(stripe, ref);
      drop_empty(stripe, of);
    } else if (item.age > one.age) {
      one.expires = item.binding.expires;
      one.updated = item.binding.updated;
      one.cseq = item.binding.cseq;
      one.age = item.age;
      arm(stripe, ref);
      if (one.next == 0) continue;
      const BlockRef of = one.head;
      unlink(ref);
      append(of, ref);
    }
  }
  return record.is_sound();
}

// False: no room. A binding that already exists, in this state or a later one, stays.
bool BindingTable::restore_put(Stripe& stripe, const RecordReader& record, const RecordItem& item) noexcept {
  const RefIndex::Slot* const slot = find(stripe, record.hash(), record.aor());
  BlockRef of = slot == nullptr ? 0 : slot->ref;
  const uint64_t changed = item.name + item.age;
  for (BlockRef ref = of == 0 ? 0 : head(of).first; ref != 0; ref = block(ref).next)
    if (block(ref).is_named(item.binding[Part::key]) && block(ref).changed() >= changed) return true;
  const BindingForm form = form_of(item.binding);
  if (form.octets == 0 || bindings() >= most_bindings_.load(std::memory_order_relaxed) || (of != 0 && head(of).count >= kMostOfAddress)) return false;
  const BlockRef fresh = arena_.take(form.octets);
  if (fresh == 0) return false;
  if (of == 0 && (of = make_head(stripe, record.hash(), record.aor())) == 0) {
    arena_.give(fresh, form.octets);
    return false;
  }
  for (BlockRef ref = head(of).first; ref != 0;) {
    const BlockRef after = block(ref).next;
    if (block(ref).is_named(item.binding[Part::key])) {
      unlink(ref);
      release(stripe, ref);
    }
    ref = after;
  }
  write_block(item.binding, form, block(fresh));
  block(fresh).lsn = item.name;
  block(fresh).age = item.age;
  add(stripe, of, fresh);
  return true;
}

}  // namespace sluice
