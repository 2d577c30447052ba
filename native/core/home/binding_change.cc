// Carries out one REGISTER (RFC 3261 10.3 steps 6 and 7); src/location/redis-scripts.ts does the same in Lua.
#include <algorithm>

#include "core/home/binding_key.h"
#include "core/home/binding_table.h"

namespace sluice {

class BindingChange {
 public:
  // A binding of the address as it will be after the operation.
  struct Entry {
    BlockRef ref;        // 0: a block must be made
    const Binding* put;  // nullptr: unchanged; with a block: that block is refreshed
    bool is_known = false;  // there was such a binding before
    bool stays = false;     // and the way to the device is the same
  };

  struct Scratch {
    std::vector<BlockRef> alive;
    std::vector<BlockRef> expired;
    std::vector<BlockRef> gone;
    std::vector<Entry> after;
    std::string record;
  };

  BindingChange(BindingTable& table, BindingTable::Stripe& stripe, uint64_t hash, const RegisterOperation& operation, Scratch& scratch)
      : table_(table), stripe_(stripe), hash_(hash), operation_(operation), scratch_(scratch) {}

  Outcome carry_out(BindingSink& after) {
    collect();
    if (std::any_of(scratch_.alive.begin(), scratch_.alive.end(), [this](BlockRef ref) { return is_late(block(ref)); })) return Outcome::out_of_order;
    plan();
    if (is_full()) return Outcome::full;
    if (const Outcome outcome = make_blocks(); outcome != Outcome::saved) return outcome;
    write_record();
    tell();
    link();
    char key[kKeyScratch];
    for (const Entry& entry : scratch_.after) after.take(read_block(block(entry.ref), key));
    return Outcome::saved;
  }

 private:
  static constexpr uint64_t kShare = 8;  // a source may use an eighth of a table that is half full

  BindingBlock& block(BlockRef ref) const noexcept { return table_.block(ref); }

  void collect() {
    const RefIndex::Slot* const slot = table_.find(stripe_, hash_, operation_.aor);
    head_ = slot == nullptr ? 0 : slot->ref;
    for (auto* list : {&scratch_.alive, &scratch_.expired, &scratch_.gone}) list->clear();
    scratch_.after.clear();
    for (BlockRef ref = head_ == 0 ? 0 : table_.head(head_).first; ref != 0; ref = block(ref).next)
      (block(ref).expires > operation_.now ? scratch_.alive : scratch_.expired).push_back(ref);
  }

  bool is_dropped(const BindingBlock& one) const noexcept {
    return operation_.everything || std::any_of(operation_.drop.begin(), operation_.drop.end(), [&](Text key) { return one.is_named(key); });
  }

  bool is_late(const BindingBlock& one) const noexcept {
    if (operation_.cseq > one.cseq || one.part(Part::call_id) != operation_.call_id) return false;
    return is_dropped(one) || std::any_of(operation_.put.begin(), operation_.put.end(), [&](const Binding& put) { return one.is_named(put[Part::key]); });
  }

  void plan() {
    for (const BlockRef ref : scratch_.alive) {
      if (is_dropped(block(ref))) scratch_.gone.push_back(ref);
      else scratch_.after.push_back({ref, nullptr});
    }
    dropped_ = scratch_.gone.size();
    for (const Binding& put : operation_.put) {
      Entry fresh{0, &put};
      std::erase_if(scratch_.after, [&](const Entry& entry) {
        const Text key = put[Part::key];
        if (!(entry.put == nullptr ? block(entry.ref).is_named(key) : same_binding((*entry.put)[Part::key], key))) return false;
        const bool was_there = entry.put == nullptr;
        fresh.is_known |= was_there || entry.is_known;
        fresh.stays |= was_there ? is_same_way(put, block(entry.ref)) : entry.stays;
        if (entry.ref == 0) return true;
        if (fresh.ref == 0 && may_touch(put, block(entry.ref))) fresh.ref = entry.ref;
        else scratch_.gone.push_back(entry.ref);
        return true;
      });
      scratch_.after.push_back(fresh);
    }
  }

  static bool is_same_way(const Binding& put, const BindingBlock& one) noexcept {
    return put[Part::flow] == one.part(Part::flow) && put[Part::path] == one.part(Part::path) && put[Part::uri] == one.part(Part::uri);
  }

  bool may_touch(const Binding& put, const BindingBlock& one) const noexcept {
    constexpr uint64_t kMostAge = UINT32_MAX / 2;
    return is_refresh(put, one) && table_.next_lsn() - one.lsn < kMostAge && (table_.log_ == nullptr || table_.log_->has(one.lsn));
  }

  // An address above a lowered limit may still refresh and replace bindings, but not grow.
  bool is_full() const noexcept {
    const size_t before = scratch_.alive.size();
    if (scratch_.after.size() > operation_.max_contacts && scratch_.after.size() > before) return true;
    return std::any_of(operation_.put.begin(), operation_.put.end(), [this](const Binding& put) {
      if (!put.outbound()) return false;
      const Text instance = put[Part::instance];
      const auto is_flow = [&](BlockRef ref) { return (block(ref).flags & kOutbound) != 0 && block(ref).part(Part::instance) == instance; };
      const auto flows = std::count_if(scratch_.after.begin(), scratch_.after.end(), [&](const Entry& entry) {
        return entry.put == nullptr ? is_flow(entry.ref) : entry.put->outbound() && (*entry.put)[Part::instance] == instance;
      });
      return flows > operation_.max_flows && flows > std::count_if(scratch_.alive.begin(), scratch_.alive.end(), is_flow);
    });
  }

  // All or none. A binding too large to store counts as over a limit.
  Outcome make_blocks() noexcept {
    const size_t going = scratch_.gone.size() + scratch_.expired.size();
    const auto coming = static_cast<size_t>(std::count_if(scratch_.after.begin(), scratch_.after.end(), [](const Entry& entry) { return entry.ref == 0; }));
    if (coming > going && table_.bindings() + coming - going > table_.most_bindings_.load(std::memory_order_relaxed)) return Outcome::no_room;
    if (coming > 0 && table_.is_half_full() && exceeds_share()) return Outcome::source_full;
    Outcome outcome = Outcome::saved;
    size_t octets = 0;
    auto entry = scratch_.after.begin();
    for (; entry != scratch_.after.end(); ++entry) {
      if (entry->ref != 0) continue;
      const BindingForm form = form_of(*entry->put);
      octets += form.octets;
      if (form.octets == 0 || octets > kMaxRecord / 2) outcome = Outcome::full;
      else if (entry->ref = table_.arena_.take(form.octets); entry->ref == 0) outcome = Outcome::no_room;
      if (outcome != Outcome::saved) break;
      write_block(*entry->put, form, block(entry->ref));
    }
    if (outcome == Outcome::saved && head_ == 0 && !scratch_.after.empty() && (head_ = table_.make_head(stripe_, hash_, operation_.aor)) == 0) outcome = Outcome::no_room;
    if (outcome == Outcome::saved) return outcome;
    for (auto made = scratch_.after.begin(); made != entry; ++made)
      if (is_fresh(*made)) table_.arena_.give(made->ref, block(made->ref).octets());
    return outcome;
  }

  // Refreshes, and bindings that replace others of the same size, need no more than before.
  bool exceeds_share() const noexcept {
    const uint16_t payer = operation_.put.front().payer;
    if (payer == 0) return false;
    uint64_t bindings = table_.shares_.bindings(payer), octets = table_.shares_.octets(payer);
    const uint64_t before = bindings, octets_before = octets;
    for (const Entry& entry : scratch_.after) {
      if (entry.ref != 0) continue;
      ++bindings;
      octets += form_of(*entry.put).octets;
    }
    for (const auto* list : {&scratch_.gone, &scratch_.expired})
      for (const BlockRef ref : *list) {
        if (block(ref).payer != payer) continue;
        --bindings;
        octets -= block(ref).octets();
      }
    return (bindings > before && bindings > table_.most_bindings_.load(std::memory_order_relaxed) / kShare) || (octets > octets_before && octets > table_.arena_.most() / kShare);
  }

  // Whether the entry's block was made for this operation and has no name yet.
  bool is_fresh(const Entry& entry) const noexcept { return entry.put != nullptr && block(entry.ref).lsn == 0; }

  void write_record() {
    const size_t puts = static_cast<size_t>(std::count_if(scratch_.after.begin(), scratch_.after.end(), [](const Entry& entry) { return entry.put != nullptr; }));
    const size_t items = scratch_.gone.size() + puts;
    if (items == 0) return;
    uint64_t lsn = table_.lsn_.fetch_add(items, std::memory_order_relaxed);
    const bool has_fresh = std::any_of(scratch_.after.begin(), scratch_.after.end(), [this](const Entry& entry) { return is_fresh(entry); });
    scratch_.record.clear();
    RecordWriter writer(scratch_.record, lsn, hash_, has_fresh ? operation_.aor : Text());
    for (const BlockRef ref : scratch_.gone) {
      writer.drop(block(ref).lsn);
      ++lsn;
    }
    for (const Entry& entry : scratch_.after) {
      if (entry.put == nullptr) continue;
      BindingBlock& one = block(entry.ref);
      if (is_fresh(entry)) {
        one.lsn = lsn;
        writer.put(one);
      } else {
        refresh(entry, lsn);
        writer.touch(one);
      }
      ++lsn;
    }
    writer.finish();
    if (table_.log_ != nullptr) table_.log_->append(scratch_.record);
  }

  void refresh(const Entry& entry, uint64_t lsn) noexcept {
    BindingBlock& one = block(entry.ref);
    const bool ends_earlier = entry.put->expires < one.expires;
    one.expires = entry.put->expires;
    one.updated = entry.put->updated;
    one.cseq = entry.put->cseq;
    one.age = static_cast<uint32_t>(lsn - one.lsn);
    if (ends_earlier) table_.arm(stripe_, entry.ref);
  }

  // Before link(), which frees what goes.
  void tell() {
    const auto add = [this](BindingEvent event, BlockRef ref) { table_.news_.add(event, hash_, operation_.aor, block(ref)); };
    for (const BlockRef ref : scratch_.expired) add(BindingEvent::expired, ref);
    for (size_t i = 0; i < dropped_; ++i) add(BindingEvent::removed, scratch_.gone[i]);
    for (const Entry& entry : scratch_.after)
      if (entry.put != nullptr && !entry.stays) add(entry.is_known ? BindingEvent::moved : BindingEvent::registered, entry.ref);
  }

  // In the order of `after`: the most recently registered comes last.
  void link() noexcept {
    for (const auto* list : {&scratch_.gone, &scratch_.expired})
      for (const BlockRef ref : *list) {
        table_.unlink(ref);
        table_.release(stripe_, ref);
      }
    for (const Entry& entry : scratch_.after) {
      if (entry.put == nullptr) continue;
      if (block(entry.ref).head == 0) {
        table_.add(stripe_, head_, entry.ref);
      } else if (block(entry.ref).next != 0) {
        table_.unlink(entry.ref);
        table_.append(head_, entry.ref);
      }
    }
    if (head_ != 0) table_.drop_empty(stripe_, head_);
  }

  BindingTable& table_;
  BindingTable::Stripe& stripe_;
  const uint64_t hash_;
  const RegisterOperation& operation_;
  Scratch& scratch_;
  BlockRef head_ = 0;
  size_t dropped_ = 0;  // how many of `gone` the operation dropped; the others were replaced
};

Outcome BindingTable::save(const RegisterOperation& operation, BindingSink& after) {
  static thread_local BindingChange::Scratch scratch;
  const uint64_t hash = hash_of(operation.aor);
  Stripe& stripe = stripe_of(hash);
  if (!operation.put.empty()) {
    arena_.prepare();
    make_room_in(stripe);
    for (const Binding& put : operation.put)
      if (!put[Part::flow].empty()) flows_.make_room(put[Part::flow]);
  }
  const std::lock_guard<std::mutex> guard(stripe.lock);
  return BindingChange(*this, stripe, hash, operation, scratch).carry_out(after);
}

}  // namespace sluice
