// The nonces of digest authentication and which of their counts have been used: one memory for all shards, so that overheard credentials
// are useless everywhere (RFC 7616 3.3, 3.4, 5.4, 5.5). qop=auth does not protect the Contact, so this is what keeps a registration from
// being hijacked: no count is ever accepted twice.
//
//   base64url of: 0-3 this run of the process, 4-9 milliseconds of the wall clock, 10-15 serial number, 16-31 HMAC-SHA-256 over these, the
//   client's network and the realm, truncated to 128 bits
//
// Nodes that share a flow key also share the keys of their nonces. A balancer may send the response to a challenge to a node that did not
// make it, so each node accepts a nonce of the others for a few seconds, unless it is older than this run of the process: then it may
// have been used in an earlier one. Every other nonce is stale, and the client tries again with a fresh one.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/image.h"
#include "core/crypto/hmac.h"
#include "core/crypto/siphash.h"
#include "core/sip/address.h"

namespace sluice {

constexpr size_t kNonceOctets = 32;
constexpr size_t kNonceText = 43;

// A nonce that came with a user's credentials.
struct NonceClaim {
  bool is_nonce = false;  // else the rest is empty
  uint8_t octets[kNonceOctets];
  uint64_t key[2];  // of this user's use of it
};

class NonceTable {
 public:
  // The maximum age of another node's nonce: as long as a client takes to answer a challenge.
  static constexpr uint64_t kForeignLife = 10'000;

  // `seed`: 64 random octets. `now`: at the start, as below. `capacity`: nonces remembered in each of the 64 stripes, a power of two up to
  // 16,384.
  NonceTable(const uint8_t seed[64], uint64_t now, uint32_t capacity = 4'096);

  // Keys that nodes share; the first one signs. Until this is called, the key is random.
  void set_keys(const std::vector<Text>& keys);

  // `now`: milliseconds of the wall clock (wall_ms.h). Writes kNonceText characters.
  void make(Text realm, const Address& client, uint64_t now, char* out) noexcept;

  // What is_fresh() and use() are asked with: something else is done until its place has been fetched from a large memory.
  NonceClaim expect(Text nonce, Text user) const noexcept;

  // Whether it was made for this realm and this client's network, either by this process at most `life` milliseconds ago, or by another
  // node with one of our keys at most kForeignLife ago.
  bool is_fresh(const NonceClaim& claim, Text realm, const Address& client, uint64_t now, uint64_t life) const noexcept;
  bool is_fresh(Text nonce, Text realm, const Address& client, uint64_t now, uint64_t life) const noexcept { return is_fresh(expect(nonce, {}), realm, client, now, life); }

  // Marks a count of a fresh nonce as used by this user. False: it was used before, or is too old to tell. Requests may overtake each
  // other by up to 63 counts. Call only for correct credentials, so that strangers cannot fill the memory.
  bool use(const NonceClaim& claim, uint32_t count) noexcept;
  bool use(Text nonce, Text user, uint32_t count) noexcept { return use(expect(nonce, user), count); }

  // For the successor of this process, which was made with the same seed. `all`: else what has been used since the last time.
  void freeze(ImageWriter& image, bool all) noexcept;
  void adopt(ImageReader& image) noexcept;

  uint64_t held() const noexcept { return held_.load(std::memory_order_relaxed); }
  // Nonces that have given way to newer ones.
  uint64_t evicted() const noexcept { return evicted_.load(std::memory_order_relaxed); }

 private:
  struct Entry {
    uint64_t key[2];
    uint64_t made;
    uint64_t bits;  // bit n: the count `highest - n` was used
    uint32_t highest;
    uint32_t round;  // of its stripe, when it was used
  };
  struct alignas(64) Stripe {
    std::mutex lock;
    std::unique_ptr<Entry[]> entries;   // a ring: the oldest gives way
    std::unique_ptr<uint16_t[]> index;  // twice as long; 0: empty, else the place of an entry plus one
    uint32_t next = 0;
    uint32_t size = 0;
    uint32_t round = 1;  // one more after each freeze()
    uint64_t floor = 0;  // nonces made up to then may have been used and forgotten: they count as used
  };
  static constexpr size_t kStripes = 64;

  using Keys = std::vector<HmacKey>;

  std::shared_ptr<const Keys> keys() const noexcept {
    const std::lock_guard<std::mutex> guard(keys_lock_);
    return keys_;
  }
  static void mac(const HmacKey& key, const uint8_t* octets, Text realm, const Address& client, uint8_t out[kSha256Size]) noexcept;
  Entry* find(Stripe& stripe, const uint64_t key[2]) const noexcept;
  void add(Stripe& stripe, const Entry& entry) noexcept;
  void remove(Stripe& stripe, uint32_t place) noexcept;

  mutable std::mutex keys_lock_;
  std::shared_ptr<const Keys> keys_;
  const uint64_t started_;
  SipKey hash_[2];
  uint8_t life_[4];
  uint32_t capacity_;
  std::atomic<uint64_t> serial_{1};
  std::atomic<uint64_t> held_{0};
  std::atomic<uint64_t> evicted_{0};
  std::array<Stripe, kStripes> stripes_;
};

}  // namespace sluice
