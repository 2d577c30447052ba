#include "core/flow/flow_token.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "core/base/base64url.h"
#include "core/base/network_order.h"

namespace sluice {
namespace {

constexpr uint8_t kTokenVersion = 0x40;
constexpr uint8_t kVersionMask = 0xC0;
constexpr uint8_t kSideBit = 0x20;
constexpr uint8_t kNodeMask = 0x1F;   // of octet 1: the lower bits
constexpr unsigned kNodeBits = 5;
constexpr unsigned kShardBits = 6;    // of octet 2
constexpr uint8_t kShardMask = 0x3F;
constexpr size_t kStreamOctets = 12 + kTokenMacOctets;
constexpr size_t kUdpV4Octets = 18 + kTokenMacOctets;
constexpr size_t kUdpV6Octets = 42 + kTokenMacOctets;

enum Kind : uint8_t { kStream = 0, kUdpV4 = 1, kUdpV6 = 2 };

size_t octets_of_kind(unsigned kind) noexcept {
  switch (kind) {
    case kStream: return kStreamOctets;
    case kUdpV4: return kUdpV4Octets;
    case kUdpV6: return kUdpV6Octets;
    default: return 0;
  }
}

uint8_t* put_address(uint8_t* at, const Address& address, bool v4) noexcept {
  const size_t size = v4 ? 4 : 16;
  std::memcpy(at, address.ip + (16 - size), size);
  put_number(at + size, address.port, 2);
  return at + size + 2;
}

const uint8_t* get_address(const uint8_t* at, Address& address, bool v4) noexcept {
  const size_t size = v4 ? 4 : 16;
  address = Address{};
  if (v4) address.ip[10] = address.ip[11] = 0xFF;
  std::memcpy(address.ip + (16 - size), at, size);
  address.port = static_cast<uint16_t>(get_number(at + size, 2));
  return at + size + 2;
}

bool same_mac(const uint8_t* a, const uint8_t* b) noexcept {
  unsigned difference = 0;
  for (size_t i = 0; i < kTokenMacOctets; ++i) difference |= static_cast<unsigned>(a[i] ^ b[i]);
  return difference == 0;
}

int hex(char c) noexcept {
  if (is_digit(c)) return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

// Undoes %-escapes (RFC 3261 19.1.4). Sets `plain` to false if the result is not pure base64url. Returns the length of the result, cut
// to the buffer's size.
size_t unescape(Text user, char* out, size_t capacity, bool* plain) noexcept {
  size_t size = 0;
  *plain = true;
  for (size_t i = 0; i < user.size(); ++i) {
    char c = user[i];
    if (c == '%' && user.size() - i > 2 && hex(user[i + 1]) >= 0 && hex(user[i + 2]) >= 0) {
      c = static_cast<char>(hex(user[i + 1]) << 4 | hex(user[i + 2]));
      i += 2;
    }
    if (!is_base64url(c)) *plain = false;
    if (size < capacity) out[size] = c;
    ++size;
  }
  return size;
}

bool opens_token(const uint8_t* octets) noexcept {
  return (octets[0] & kVersionMask) == kTokenVersion && octets_of_kind(octets[1] >> 6) != 0;
}

// Altering one character creates at most two characters that no token has, and changes the length by at most two: it may destroy an
// escape ("%4A" to "%4%") or turn what follows into one.
constexpr size_t kMaxStrange = 2;
constexpr size_t kMaxShift = 2;
constexpr size_t kMaxAlteredText = kMaxTokenText + kMaxShift;

// Text with characters that no token has is an ordinary user part (OB-5.3-4), unless it could be a token with one altered character,
// which must not pass for a user either (OB-5.2-1).
bool looks_altered(const char* text, size_t size) noexcept {
  bool near = false;
  for (size_t octets : {kStreamOctets, kUdpV4Octets, kUdpV6Octets}) {
    const size_t whole = base64url_size(octets);
    near |= size + kMaxShift >= whole && size <= whole + kMaxShift;
  }
  if (!near) return false;
  size_t first = size;
  size_t strange = 0;
  for (size_t i = 0; i < size; ++i) {
    if (is_base64url(text[i])) continue;
    first = std::min(first, i);
    ++strange;
  }
  if (strange > kMaxStrange) return false;
  // The text before the altered character must look like the start of a token.
  char opening[4] = {'Q', 'A', 'A', 'A'};
  std::memcpy(opening, text, std::min<size_t>(first, 3));
  uint8_t octets[3];
  return base64url_decode(Text(opening, sizeof opening), octets, sizeof octets) == 3 && opens_token(octets);
}

uint32_t new_edition() noexcept {
  static std::atomic<uint32_t> last{0};
  uint32_t edition = last.fetch_add(1, std::memory_order_relaxed) + 1;
  if (edition == 0) edition = last.fetch_add(1, std::memory_order_relaxed) + 1;
  return edition;
}

}  // namespace

bool KeyRing::add(uint8_t id, const uint8_t* key, size_t size) noexcept {
  if (id > kMaxKeyId || size < kMinFlowKey || count_ == kMaxKeys || find(id) != nullptr) return false;
  entries_[count_++] = Entry{id, HmacKey(key, size)};
  edition_ = new_edition();
  return true;
}

// What differs between flows: slot and generation, or the remote address.
size_t KeyRing::place_of(const uint8_t* octets, size_t size) noexcept {
  uint64_t word, more = 0;
  std::memcpy(&word, octets + 4, sizeof word);
  if (size > kUdpV4Octets - kTokenMacOctets) std::memcpy(&more, octets + 16, sizeof more);
  return ((word ^ more) * 0x9E37'79B9'7F4A'7C15u) >> 56;
}

const uint8_t* KeyRing::seal(const HmacKey& key, const uint8_t* octets, size_t size, Side side) const noexcept {
  static_assert(kSealed == 256 && sizeof Sealed::macs <= kSha256Size);
  Sealed& one = sealed_[place_of(octets, size)];
  if (size != one.size || std::memcmp(octets, one.octets, size) != 0) {
    uint8_t mac[kSha256Size];
    key.mac(octets, size, mac);
    std::memcpy(one.macs, mac, sizeof one.macs);
    std::memcpy(one.octets, octets, size);
    one.size = static_cast<uint8_t>(size);
  }
  return one.macs + (side == Side::core ? kTokenMacOctets : 0);
}

const uint8_t* KeyRing::seal(TokenMacs& kept, uint32_t life, const uint8_t* octets, size_t size, Side side) const noexcept {
  if (kept.edition != edition_ || kept.life != life) {
    uint8_t mac[kSha256Size];
    entries_[0].key.mac(octets, size, mac);
    std::memcpy(kept.octets, mac, sizeof kept.octets);
    kept.edition = edition_;
    kept.life = life;
  }
  return kept.octets + (side == Side::core ? kTokenMacOctets : 0);
}

const HmacKey* KeyRing::signing(uint8_t& id) const noexcept {
  if (count_ == 0) return nullptr;
  id = entries_[0].id;
  return &entries_[0].key;
}

const HmacKey* KeyRing::find(uint8_t id) const noexcept {
  for (size_t i = 0; i < count_; ++i)
    if (entries_[i].id == id) return &entries_[i].key;
  return nullptr;
}

namespace {

uint32_t life_of(const FlowName& flow) noexcept { return flow.kind == FlowKind::stream ? flow.generation : flow.birth; }

// What the MAC of a flow's tokens covers, and its size.
size_t write_covered(const KeyRing& ring, uint8_t id, const FlowName& flow, uint8_t* octets) noexcept {
  const bool v4 = flow.remote.is_v4() && flow.local.is_v4();
  const Kind kind = flow.kind == FlowKind::stream ? kStream : v4 ? kUdpV4 : kUdpV6;
  octets[0] = static_cast<uint8_t>(kTokenVersion | id);
  octets[1] = static_cast<uint8_t>(kind << 6 | (ring.node() & kNodeMask));
  octets[2] = static_cast<uint8_t>(ring.node() >> kNodeBits << kShardBits | (flow.shard & kShardMask));
  uint8_t* at = octets + 3;
  if (kind == kStream) {
    put_number(at, flow.boot, 2);
    put_number(at + 2, flow.slot, 3);
    put_number(at + 5, flow.generation, 4);
    at += 9;
  } else {
    put_number(at, flow.birth, 3);
    at = put_address(at + 3, flow.remote, v4);
    at = put_address(at, flow.local, v4);
  }
  return static_cast<size_t>(at - octets);
}

// Whether make_token() would write this token for its flow, but for its MAC: the same flow has other tokens, by an older key or of another node.
bool is_as_made(const KeyRing& ring, const ReadToken& token) noexcept {
  uint8_t id = 0;
  if (ring.signing(id) == nullptr) return false;
  uint8_t octets[kUdpV6Octets];
  const size_t covered = write_covered(ring, id, token.flow, octets);
  return covered + kTokenMacOctets == token.size && std::memcmp(octets, token.octets, covered) == 0;
}

}  // namespace

size_t make_token(const KeyRing& ring, const FlowName& flow, Side side, char* out, TokenMacs* kept) noexcept {
  uint8_t id = 0;
  const HmacKey* key = ring.signing(id);
  if (key == nullptr) return 0;
  uint8_t octets[kUdpV6Octets];
  const size_t covered = write_covered(ring, id, flow, octets);
  const uint8_t* const mac = kept != nullptr ? ring.seal(*kept, life_of(flow), octets, covered, side) : ring.seal(*key, octets, covered, side);
  std::memcpy(octets + covered, mac, kTokenMacOctets);
  if (side == Side::core) octets[1] |= kSideBit;
  return base64url_encode(octets, covered + kTokenMacOctets, out);
}

TokenVerdict decode_token(Text user, ReadToken& token) noexcept {
  static_assert(ReadToken::kMost == kUdpV6Octets);
  uint8_t* const octets = token.octets;
  int size = user.size() < kTokenLookalike ? -1 : base64url_decode(user, octets, sizeof token.octets);
  if (size < 0) {
    char text[kMaxAlteredText];
    bool plain = true;
    const size_t length = unescape(user, text, sizeof text, &plain);
    if (!plain) return length <= sizeof text && looks_altered(text, length) ? TokenVerdict::forged : TokenVerdict::none;
    if (length < kTokenLookalike) return TokenVerdict::none;
    if (length > kMaxTokenText) return TokenVerdict::forged;
    size = base64url_decode(Text(text, length), octets, sizeof token.octets);
  }
  if (size < 3 || !opens_token(octets)) return TokenVerdict::forged;
  const unsigned kind = octets[1] >> 6;
  if (static_cast<size_t>(size) != octets_of_kind(kind)) return TokenVerdict::forged;
  token.size = static_cast<uint8_t>(size);
  token.side = (octets[1] & kSideBit) != 0 ? Side::core : Side::client;
  octets[1] &= static_cast<uint8_t>(~kSideBit);
  FlowName& flow = token.flow = FlowName{};
  flow.node = static_cast<uint8_t>((octets[1] & kNodeMask) | octets[2] >> kShardBits << kNodeBits);
  flow.shard = octets[2] & kShardMask;
  const uint8_t* at = octets + 3;
  if (kind == kStream) {
    flow.kind = FlowKind::stream;
    flow.boot = static_cast<uint16_t>(get_number(at, 2));
    flow.slot = get_number(at + 2, 3);
    flow.generation = get_number(at + 5, 4);
  } else {
    flow.kind = FlowKind::udp;
    flow.birth = get_number(at, 3);
    at = get_address(at + 3, flow.remote, kind == kUdpV4);
    get_address(at, flow.local, kind == kUdpV4);
  }
  return TokenVerdict::ok;
}

TokenVerdict verify_token(const KeyRing& ring, const ReadToken& token, TokenMacs* kept) noexcept {
  const HmacKey* key = ring.find(token.octets[0] & 0x3F);
  if (key == nullptr) return TokenVerdict::unknown_key;
  const size_t covered = token.size - kTokenMacOctets;
  const bool is_kept = kept != nullptr && is_as_made(ring, token);
  const uint8_t* const mac = is_kept ? ring.seal(*kept, life_of(token.flow), token.octets, covered, token.side) : ring.seal(*key, token.octets, covered, token.side);
  return same_mac(mac, token.octets + covered) ? TokenVerdict::ok : TokenVerdict::forged;
}

TokenVerdict read_token(const KeyRing& ring, Text user, FlowName& flow, Side& side) noexcept {
  return read_token(ring, user, flow, side, [](const FlowName&) -> TokenMacs* { return nullptr; });
}

}  // namespace sluice
