// The flow token: the user part of our Path and Record-Route URIs (RFC 5626 5.2).
//
//   octet  0      version (2 bits, 01) and key id (6 bits)
//          1      kind (2 bits: 0 stream, 1 UDP over IPv4, 2 UDP over IPv6), side (1 bit), the node's lower 5 bits
//          2      the node's upper 2 bits, the shard that owns the flow (6 bits)
//   stream 3-4    boot epoch, 5-7 slot, 8-11 generation                      -> 24 octets with the MAC, 32 characters
//   UDP    3-5    birth, then remote address and port, local address and port -> 30 or 54 octets, 40 or 72 characters
//          last 12  of HMAC-SHA-256 over all the above with the side as 0: the first 96 bits for the client side, the next 96 for the
//                   core side. One side's token reveals nothing about the other's, and one computation makes or checks both.
#pragma once

#include <cstdint>

#include "core/sip/address.h"
#include "core/base/bytes.h"
#include "core/crypto/hmac.h"

namespace sluice {

// Which of our two URIs of a hop contains the token (RFC 5658): if the client side's URI comes first in Route, the request is outgoing.
enum class Side : uint8_t { client = 0, core = 1 };

enum class FlowKind : uint8_t { stream = 0, udp = 1 };

// The permanent name of a flow: a connection's place in the flow table, a UDP flow's two addresses.
struct FlowName {
  FlowKind kind = FlowKind::stream;
  uint8_t node = 0;         // of the farm, read from a token; make_token() writes the ring's
  uint8_t shard = 0;        // below 64
  uint16_t boot = 0;        // stream: random at each start of the process
  uint32_t slot = 0;        // stream: below 2^24
  uint32_t generation = 0;  // stream
  uint32_t birth = 0;       // UDP: 24 bits, in units of 16 s; a flow that died is never reborn in the same unit
  Address remote;           // UDP
  Address local;            // UDP
};

enum class TokenVerdict : uint8_t {
  none,         // not in our format: an ordinary user part (OB-5.3-4)
  ok,           // ours and unchanged; whether the flow is alive, the flow table knows
  forged,       // in our format, but not signed with a key of ours
  unknown_key,  // in our format, signed with a key that is not in the ring
};

constexpr size_t kMinFlowKey = 20;      // octets: 160 bits (OB-5.2-2)
constexpr size_t kMaxTokenText = 72;
constexpr size_t kTokenMacOctets = 12;
constexpr size_t kTokenLookalike = 24;  // a base64url user part this long counts as a token, so a truncated one is `forged`, never `none`

// The MACs of a flow's two tokens by the first key of a ring, kept with the flow, so that its tokens are made and verified without a hash.
// It begins as all zeros.
struct alignas(32) TokenMacs {
  uint32_t edition;  // of the ring that made them; 0: there are none
  uint32_t life;     // FlowName::birth or ::generation
  uint8_t octets[2 * kTokenMacOctets];
};
static_assert(sizeof(TokenMacs) == 32);

// The keys that sign and verify tokens, and the node of the farm that signs. The first key signs, all verify.
class KeyRing {
 public:
  static constexpr size_t kMaxKeys = 16;
  static constexpr uint8_t kMaxKeyId = 63;
  static constexpr uint8_t kMaxNode = 127;

  explicit KeyRing(uint8_t node = 0) noexcept : node_(node & kMaxNode) {}

  // False: the id is taken or above kMaxKeyId, the key is shorter than kMinFlowKey, or the ring is full.
  bool add(uint8_t id, const uint8_t* key, size_t size) noexcept;
  void clear() noexcept {
    count_ = 0;
    edition_ = 0;
    for (Sealed& one : sealed_) one.size = 0;
  }
  uint8_t node() const noexcept { return node_; }
  bool empty() const noexcept { return count_ == 0; }
  const HmacKey* signing(uint8_t& id) const noexcept;
  const HmacKey* find(uint8_t id) const noexcept;
  // Only a copy of a ring has the same one, until a key is added to either. 0: it is empty.
  uint32_t edition() const noexcept { return edition_; }
  // The MAC over the token's octets before it, including the key id, with the side as 0. Valid until the next call.
  const uint8_t* seal(const HmacKey& key, const uint8_t* octets, size_t size, Side side) const noexcept;
  // The same by the first key, from `kept` if it is there, which else keeps it. `octets` name the flow that `kept` belongs to, in its present `life`.
  const uint8_t* seal(TokenMacs& kept, uint32_t life, const uint8_t* octets, size_t size, Side side) const noexcept;

 private:
  struct Entry {
    uint8_t id;
    HmacKey key;
  };
  // A flow's octets and the MACs of its two tokens. They come together, and those of a call come again and again. Each shard has its own ring.
  struct Sealed {
    static constexpr size_t kMost = 42;
    uint8_t size = 0;  // 0: none
    uint8_t octets[kMost];
    uint8_t macs[sizeof TokenMacs::octets];
  };
  static constexpr size_t kSealed = 256;  // 17 KB: more would take memory that no cache holds, which is slower than SHA-256

  static size_t place_of(const uint8_t* octets, size_t size) noexcept;

  uint8_t node_;
  uint32_t edition_ = 0;
  Entry entries_[kMaxKeys];
  size_t count_ = 0;
  mutable Sealed sealed_[kSealed];
};

// Writes the token and returns its length (32, 40 or 72); 0: the ring is empty. `out` has room for kMaxTokenText octets. `kept`: what is kept with the
// flow of that name, up to its life; nullptr: there is no such place.
size_t make_token(const KeyRing& ring, const FlowName& flow, Side side, char* out, TokenMacs* kept = nullptr) noexcept;

// Reads the raw user part of a Route URI, undoing %-escapes first (OB-5.2-8). Sets `flow` and `side` only for `ok`.
// Text of at least kTokenLookalike characters, all base64url, is in our format; text with other characters only if it could be a token
// with one altered character. The MAC is compared in constant time.
TokenVerdict read_token(const KeyRing& ring, Text user, FlowName& flow, Side& side) noexcept;

// The two steps of it.
struct ReadToken {
  static constexpr size_t kMost = 54;  // octets of the longest token
  FlowName flow;
  Side side = Side::client;
  uint8_t size = 0;
  uint8_t octets[kMost];
};
// `ok`: it has our format, which anybody can write. Only then `token` is set.
TokenVerdict decode_token(Text user, ReadToken& token) noexcept;
// `kept`: as for make_token().
TokenVerdict verify_token(const KeyRing& ring, const ReadToken& token, TokenMacs* kept = nullptr) noexcept;

// As read_token above. `find` gets the flow that the token names, which may yet be forged, and returns what is kept with it, or nullptr.
template <typename Find>
TokenVerdict read_token(const KeyRing& ring, Text user, FlowName& flow, Side& side, Find find) noexcept {
  ReadToken token;
  TokenVerdict verdict = decode_token(user, token);
  if (verdict != TokenVerdict::ok) return verdict;
  verdict = verify_token(ring, token, find(token.flow));
  if (verdict != TokenVerdict::ok) return verdict;
  flow = token.flow;
  side = token.side;
  return verdict;
}

}  // namespace sluice
