// What completed transactions of the object path answer retransmissions with (src/transaction/completed.ts): responses (RFC 3261 17.2.2), a hundred
// thousand in half a minute, which JavaScript's collector would copy twice each, and ACKs (17.1.1.2). The oldest gives way.
#pragma once

#include <deque>

#include "core/base/hash_chains.h"
#include "core/base/kept_octets.h"
#include "core/base/slab.h"
#include "core/crypto/siphash.h"

namespace sluice {

class KeptAnswers {
 public:
  struct Answer {
    Text key;  // of the transaction
    Text flow;  // that it went to; for an ACK its hop, as JSON
    Text octets;
    double until = 0;
  };

  // `key`: nobody else knows it. `most`: answers; `most_octets`: of all of them.
  KeptAnswers(const SipKey& key, size_t most, size_t most_octets) : key_(key), most_(most), most_octets_(most_octets) {}

  // Instead of an earlier one with its key. Those that are added later are kept for longer.
  void add(const Answer& answer);
  // False: it is unknown. The texts live until the next change.
  bool find(Text key, Answer& out) noexcept;
  // Forgets those whose time is over.
  void sweep(double now) noexcept;
  size_t size() const noexcept { return by_key_.size(); }
  template <typename See>
  void each(See&& see) {
    for (const Place& place : order_)
      if (is_held(place)) see(answer_of(slab_.at(place.index)));
  }

 private:
  struct Entry {
    HashLink link;
    uint64_t serial = 0;
    double until = 0;
    uint32_t key_size = 0, flow_size = 0;
    KeptOctets texts;
  };
  struct Place {
    uint32_t index;
    uint64_t serial;
  };
  struct Links {
    Slab<Entry>& slab;
    HashLink& link(uint32_t index) noexcept { return slab.at(index).link; }
  };

  static Answer answer_of(const Entry& entry) noexcept;
  bool is_held(const Place& place) noexcept { return slab_.at(place.index).serial == place.serial; }
  uint64_t hash_of(Text key) const noexcept { return siphash(key_, key.data(), key.size()); }
  uint32_t index_of(Text key) noexcept;
  void forget(uint32_t index) noexcept;
  void forget_oldest() noexcept;

  const SipKey key_;
  const size_t most_, most_octets_;
  Slab<Entry> slab_;
  HashChains<Links> by_key_{Links{slab_}};
  std::deque<Place> order_;  // the oldest first; those that were replaced count until they are
  uint64_t serials_ = 0;
  size_t octets_ = 0;
};

}  // namespace sluice
