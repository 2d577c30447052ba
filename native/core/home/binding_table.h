// The bindings of the whole process (RFC 3261 10), for all shards: by address of record and by flow. Each address belongs to a stripe,
// whose lock is held for a lookup or a change, never during a system call. Bounded in number and octets. Expired bindings are invisible;
// timing wheels free their memory.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/timing_wheel.h"
#include "core/crypto/siphash.h"
#include "core/home/binding_block.h"
#include "core/home/binding_news.h"
#include "core/home/binding_record.h"
#include "core/home/binding_shares.h"
#include "core/home/flow_chains.h"
#include "core/home/ref_index.h"

namespace sluice {

// Receives every change under the lock of its address, so the changes of an address arrive in order.
class ChangeLog {
 public:
  virtual void append(Text record) noexcept = 0;
  // Whether later records may refer to the put with this name.
  virtual bool has(uint64_t name) const noexcept = 0;

 protected:
  ~ChangeLog() = default;
};

// Receives bindings while the lock is held, and copies what it needs.
class BindingSink {
 public:
  virtual void take(const Binding& binding) noexcept = 0;

 protected:
  ~BindingSink() = default;
};

struct TableBounds {
  uint64_t bindings = 0;
  uint64_t octets = 0;
};

class BindingTable {
 public:
  // `now`: milliseconds of a clock that never runs backwards, as everywhere here.
  BindingTable(const SipKey& key, const TableBounds& bounds, uint64_t now);

  const SipKey& key() const noexcept { return key_; }
  // Lower ones remove nothing.
  void set_bounds(const TableBounds& bounds) noexcept;
  // For Binding::payer.
  uint16_t payer_of(const Address& source) const noexcept { return shares_.place_of(source); }
  // Call before the first change that should be logged.
  void set_log(ChangeLog* log) noexcept { log_ = log; }

  // `after` receives all live bindings of the address after the operation; nothing if it was not saved.
  Outcome save(const RegisterOperation& operation, BindingSink& after);
  void lookup(Text aor, uint64_t now, BindingSink& found);
  // Removes the binding unless it was updated after `seen`. False: no such binding.
  bool remove(Text aor, Text key, uint64_t seen, BindingEvent why = BindingEvent::flow_gone);
  // Removes about `most` bindings of a flow that has ended; returns how many, and sets `more` while there are others.
  size_t remove_flow(Text flow, size_t most, bool& more);
  // Frees expired bindings for about this many nanoseconds; the caller keeps `cursor`, initially 0. Sets `more` while there is more to
  // examine.
  size_t expire(uint64_t now, uint64_t nanoseconds, uint32_t& cursor, bool& more);

  // What happened to bindings, except in a restore.
  BindingNewsQueue& news() noexcept { return news_; }

  // Applies a record of the journal or a snapshot. False: it is invalid.
  bool restore(RecordReader& record);
  // Bindings for which a restore found no room.
  uint64_t turned_away() const noexcept { return turned_away_; }

  // Copies the table piece by piece, as records. A binding that changes meanwhile is copied in its old or new state; changes recorded
  // before the walk began are always included.
  struct Walk {
    uint32_t stripe = 0;
    uint32_t slot = 0;  // the last one examined
    uint32_t upheavals = 0;
    bool begun = false;
    uint64_t longest = 0;  // longest time a lock was held, nanoseconds
  };
  // False: that was the last piece. Appends less than this and the records of one address.
  static constexpr size_t kPiece = 16 << 10;
  bool copy_some(Walk& walk, std::string& out);

  // An address of record, and when the first and the last of its bindings expire.
  struct AddressRow {
    std::string aor;
    uint64_t first = UINT64_MAX;
    uint64_t last = 0;
  };
  // The addresses of one stripe, in no particular order. False: there is no such stripe.
  bool addresses_of(uint32_t stripe, std::vector<AddressRow>& out);

  uint64_t bindings() const noexcept { return bindings_.load(std::memory_order_relaxed); }
  uint64_t addresses() const noexcept { return addresses_.load(std::memory_order_relaxed); }
  uint64_t octets() const noexcept { return arena_.used(); }
  uint64_t next_lsn() const noexcept { return lsn_.load(std::memory_order_relaxed); }
  void skip_lsn_to(uint64_t lsn) noexcept;

 private:
  friend class BindingChange;

  struct Timers {
    BlockArena& arena;
    WheelNode& node(BlockRef ref) noexcept { return arena.at<BindingBlock>(ref)->timer; }
  };
  struct alignas(64) Stripe {
    explicit Stripe(Timers& timers) : wheel(timers, 0) {}
    std::mutex lock;
    RefIndex index;
    TimingWheel<Timers> wheel;
  };
  static constexpr size_t kStripes = 1'024;  // so that one turn of a wheel moves about a thousand of a million bindings
  static constexpr uint32_t kTickShift = 4;  // 16 ms: the wheel's longest delay is three days, then it is armed again

  // It stands in the files of the store, which other versions read and write.
  uint64_t hash_of(Text aor) const noexcept { return siphash(key_, aor.data(), aor.size()); }
  Stripe& stripe_of(uint64_t hash) noexcept { return stripes_[hash >> 54]; }
  BindingBlock& block(BlockRef ref) const noexcept { return *arena_.at<BindingBlock>(ref); }
  AorHead& head(BlockRef ref) const noexcept { return *arena_.at<AorHead>(ref); }
  bool is_half_full() const noexcept { return bindings() >= most_bindings_.load(std::memory_order_relaxed) / 2 || arena_.used() >= arena_.most() / 2; }
  // Counted from the start, so that it fits in 32 bits.
  uint64_t tick_of(uint64_t time) const noexcept { return time < begin_ ? 0 : (time - begin_) >> kTickShift; }

  // Call all of these under the stripe's lock.
  RefIndex::Slot* find(Stripe& stripe, uint64_t hash, Text aor) noexcept;
  RefIndex::Slot* find_hash(Stripe& stripe, uint64_t hash) noexcept;
  BlockRef make_head(Stripe& stripe, uint64_t hash, Text aor) noexcept;  // 0: no room
  void add(Stripe& stripe, BlockRef head, BlockRef ref) noexcept;        // a fresh block
  void append(BlockRef head, BlockRef ref) noexcept;                     // as its last binding
  void arm(Stripe& stripe, BlockRef ref) noexcept;
  void unlink(BlockRef ref) noexcept;                                    // from its address
  void release(Stripe& stripe, BlockRef ref) noexcept;                   // a block that has been unlinked
  void drop_empty(Stripe& stripe, BlockRef head) noexcept;
  void log_drops(uint64_t hash, const std::vector<uint64_t>& names);
  template <typename Goes>
  size_t remove_if(Stripe& stripe, BlockRef head, BindingEvent why, Goes&& goes);
  bool restore_put(Stripe& stripe, const RecordReader& record, const RecordItem& item) noexcept;
  void copy_address(const AorHead& head, std::string& out) const;

  const SipKey key_;
  std::atomic<uint64_t> most_bindings_;
  const uint64_t begin_;
  BlockArena arena_;
  Timers timers_;
  FlowChains flows_;
  BindingShares shares_;
  std::deque<Stripe> stripes_;
  ChangeLog* log_ = nullptr;
  BindingNewsQueue news_;
  std::atomic<uint64_t> lsn_{1};
  std::atomic<uint64_t> bindings_{0};
  std::atomic<uint64_t> addresses_{0};
  uint64_t turned_away_ = 0;
};

}  // namespace sluice
