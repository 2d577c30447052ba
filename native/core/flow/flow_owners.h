// Who registered over a flow, remembered after the flow ends: a request that still carries its token goes to where that device is now
// (RFC 5626 11.5: a user agent never learns that a flow failed). One table for the process, bounded in octets; the oldest entries go.
// Once it is half full, a source that has more than an eighth of it loses its own oldest first.
#pragma once

#include <array>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/base/bytes.h"
#include "core/base/image.h"
#include "core/crypto/siphash.h"
#include "core/flow/flow_token.h"
#include "core/flow/source_shares.h"

namespace sluice {

class FlowOwners {
 public:
  FlowOwners(const SipKey& key, size_t max_octets);

  // `source`: where the flow comes from; nullptr: nobody, who has no share.
  void put(const FlowName& flow, Text owner, const Address* source = nullptr);
  // Empty: nobody known.
  std::string find(const FlowName& flow);
  // Whether the same user registered over both: the first line of an owner names the user.
  bool have_one_user(const FlowName& one, const FlowName& other);

  struct Size {
    size_t known = 0;
    size_t octets = 0;
    size_t forgotten = 0;  // for lack of room, since the start
  };
  Size size();

  // For the successor of this process, which has the same key. `all`: else what has come since the last time.
  void freeze(ImageWriter& image, bool all);
  void adopt(ImageReader& image);

 private:
  static constexpr size_t kStripes = 16;
  static constexpr size_t kOverhead = 200;  // of an entry, in addition to its text

  struct Share;
  struct Entry {
    uint64_t flow;
    std::string owner;
    uint64_t number = 0;     // of its stripe, in the order in which they came
    Share* share = nullptr;  // of its source
    Entry* older = nullptr;  // of the same source
    Entry* newer = nullptr;
    size_t octets() const noexcept { return owner.size() + kOverhead; }
  };
  struct Share {
    SourceKey source;
    Entry* oldest = nullptr;
    Entry* newest = nullptr;
    size_t octets = 0;
  };
  struct KeyHash {
    SipKey key;
    size_t operator()(const SourceKey& source) const noexcept { return siphash(key, &source, sizeof source); }
  };
  struct Stripe {
    std::mutex lock;
    std::list<Entry> entries;  // the oldest first
    std::unordered_map<uint64_t, std::list<Entry>::iterator> by_flow;
    std::unordered_map<SourceKey, Share, KeyHash> by_source;
    size_t octets = 0;
    size_t forgotten = 0;
    uint64_t added = 0;
    uint64_t frozen = 0;  // those up to there
  };

  uint64_t hash_of(const FlowName& flow) const noexcept;
  void put(uint64_t name, Text owner, const SourceKey* source);
  static void add(Stripe& stripe, Entry&& entry, const SourceKey* source);
  static void remove(Stripe& stripe, uint64_t flow);

  SipKey key_;
  size_t max_octets_;
  std::array<Stripe, kStripes> stripes_;
};

}  // namespace sluice
