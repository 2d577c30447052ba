#include "core/home/nonce_table.h"

#include <algorithm>
#include <cstring>

#include "core/base/base64url.h"

namespace sluice {
namespace {

constexpr size_t kSigned = 16;
constexpr uint32_t kWindow = 64;

void put48(uint8_t* out, uint64_t value) noexcept {
  for (int i = 5; i >= 0; --i, value >>= 8) out[i] = static_cast<uint8_t>(value);
}

uint64_t get48(const uint8_t* in) noexcept {
  uint64_t value = 0;
  for (int i = 0; i < 6; ++i) value = value << 8 | in[i];
  return value;
}

bool same_octets(const uint8_t* a, const uint8_t* b, size_t size) noexcept {
  uint8_t difference = 0;
  for (size_t i = 0; i < size; ++i) difference |= a[i] ^ b[i];
  return difference == 0;
}

}  // namespace

NonceTable::NonceTable(const uint8_t seed[64], uint64_t now, uint32_t capacity)
    : keys_(std::make_shared<const Keys>(1, HmacKey(seed, 28))), started_(now), capacity_(capacity) {
  std::memcpy(life_, seed + 28, sizeof life_);
  std::memcpy(hash_, seed + 32, sizeof hash_);
  // The rings stay untouched, and cost no memory, until they are needed.
  for (Stripe& stripe : stripes_) {
    stripe.entries.reset(new Entry[capacity_]);
    stripe.index = std::make_unique<uint16_t[]>(capacity_ * 2);
  }
}

void NonceTable::set_keys(const std::vector<Text>& keys) {
  if (keys.empty()) return;
  Keys fresh;
  for (const Text key : keys) fresh.emplace_back(reinterpret_cast<const uint8_t*>(key.data()), key.size());
  auto shared = std::make_shared<const Keys>(std::move(fresh));
  const std::lock_guard<std::mutex> guard(keys_lock_);
  keys_ = std::move(shared);
}

void NonceTable::make(Text realm, const Address& client, uint64_t now, char* out) noexcept {
  uint8_t octets[kSigned + kSha256Size];
  std::memcpy(octets, life_, sizeof life_);
  put48(octets + 4, now);
  put48(octets + 10, serial_.fetch_add(1, std::memory_order_relaxed));
  mac(keys()->front(), octets, realm, client, octets + kSigned);
  base64url_encode(octets, kNonceOctets, out);
}

NonceClaim NonceTable::expect(Text nonce, Text user) const noexcept {
  NonceClaim claim;
  claim.is_nonce = nonce.size() == kNonceText && base64url_decode(nonce, claim.octets, sizeof claim.octets) == kNonceOctets;
  if (!claim.is_nonce) return NonceClaim{};
  for (int half = 0; half < 2; ++half) {
    SipHasher hasher(hash_[half]);
    hasher.add(claim.octets, sizeof claim.octets);
    hasher.add(user.data(), user.size());
    claim.key[half] = hasher.finish();
  }
  const Stripe& stripe = stripes_[claim.key[1] % kStripes];
  __builtin_prefetch(&stripe);
  __builtin_prefetch(&stripe.index[static_cast<uint32_t>(claim.key[0]) & (capacity_ * 2 - 1)]);
  return claim;
}

bool NonceTable::is_fresh(const NonceClaim& claim, Text realm, const Address& client, uint64_t now, uint64_t life) const noexcept {
  if (!claim.is_nonce) return false;
  const uint8_t* const octets = claim.octets;
  const uint64_t made = get48(octets + 4);
  const bool is_own = std::memcmp(octets, life_, sizeof life_) == 0;
  // The clocks of two nodes differ slightly.
  const bool is_due = is_own ? made <= now && now - made <= life : made > started_ && (made > now ? made - now : now - made) <= std::min(life, kForeignLife);
  if (!is_due) return false;
  const std::shared_ptr<const Keys> all = keys();
  return std::any_of(all->begin(), all->end(), [&](const HmacKey& key) {
    uint8_t expected[kSha256Size];
    mac(key, octets, realm, client, expected);
    return same_octets(expected, octets + kSigned, kNonceOctets - kSigned);
  });
}

bool NonceTable::use(const NonceClaim& claim, uint32_t count) noexcept {
  if (count == 0 || !claim.is_nonce) return false;
  Entry fresh{{claim.key[0], claim.key[1]}, get48(claim.octets + 4), 1, count, 0};
  Stripe& stripe = stripes_[fresh.key[1] % kStripes];
  const std::lock_guard<std::mutex> guard(stripe.lock);
  Entry* known = find(stripe, fresh.key);
  fresh.round = stripe.round;
  if (known == nullptr) {
    if (stripe.floor >= fresh.made + 1) return false;
    add(stripe, fresh);
    return true;
  }
  if (count > known->highest) {
    const uint32_t ahead = count - known->highest;
    known->bits = ahead < kWindow ? known->bits << ahead | 1 : 1;
    known->highest = count;
    known->round = stripe.round;
    return true;
  }
  const uint32_t behind = known->highest - count;
  if (behind >= kWindow || (known->bits >> behind & 1) != 0) return false;
  known->bits |= uint64_t{1} << behind;
  known->round = stripe.round;
  return true;
}

// An IPv6 client may change its address within its network (RFC 8981).
void NonceTable::mac(const HmacKey& key, const uint8_t* octets, Text realm, const Address& client, uint8_t out[kSha256Size]) noexcept {
  uint8_t said[kSigned + 16 + 256] = {};
  std::memcpy(said, octets, kSigned);
  std::memcpy(said + kSigned, client.ip, client.is_v4() ? 16 : 8);
  const size_t size = std::min(realm.size(), sizeof said - kSigned - 16);
  std::memcpy(said + kSigned + 16, realm.data(), size);
  key.mac(said, kSigned + 16 + size, out);
}

NonceTable::Entry* NonceTable::find(Stripe& stripe, const uint64_t key[2]) const noexcept {
  const uint32_t mask = capacity_ * 2 - 1;
  for (uint32_t slot = static_cast<uint32_t>(key[0]) & mask; stripe.index[slot] != 0; slot = (slot + 1) & mask) {
    Entry& entry = stripe.entries[stripe.index[slot] - 1u];
    if (entry.key[0] == key[0] && entry.key[1] == key[1]) return &entry;
  }
  return nullptr;
}

void NonceTable::add(Stripe& stripe, const Entry& entry) noexcept {
  const uint32_t place = stripe.next;
  stripe.next = (stripe.next + 1) % capacity_;
  if (stripe.size == capacity_) {
    stripe.floor = std::max(stripe.floor, stripe.entries[place].made + 1);
    remove(stripe, place);
    evicted_.fetch_add(1, std::memory_order_relaxed);
  } else {
    ++stripe.size;
    held_.fetch_add(1, std::memory_order_relaxed);
  }
  stripe.entries[place] = entry;
  const uint32_t mask = capacity_ * 2 - 1;
  uint32_t slot = static_cast<uint32_t>(entry.key[0]) & mask;
  while (stripe.index[slot] != 0) slot = (slot + 1) & mask;
  stripe.index[slot] = static_cast<uint16_t>(place + 1);
}

void NonceTable::freeze(ImageWriter& image, bool all) noexcept {
  image.fields(serial_.load());
  for (Stripe& stripe : stripes_) {
    const std::lock_guard<std::mutex> guard(stripe.lock);
    image.fields(stripe.floor);
    const size_t at = image.later();
    uint32_t count = 0;
    for (uint32_t i = 0; i < stripe.size; ++i) {
      const Entry& entry = stripe.entries[(stripe.next + capacity_ - stripe.size + i) % capacity_];
      if (!all && entry.round != stripe.round) continue;
      image.fields(entry.key[0], entry.key[1], entry.made, entry.bits, entry.highest);
      ++count;
    }
    image.set(at, count);
    ++stripe.round;
  }
}

void NonceTable::adopt(ImageReader& image) noexcept {
  uint64_t serial = 0;
  image.fields(serial);
  if (image.good()) serial_ = serial;
  for (Stripe& stripe : stripes_) {
    image.fields(stripe.floor);
    for (uint32_t left = image.count(sizeof(Entry::key)); left > 0; --left) {
      Entry entry{};
      image.fields(entry.key[0], entry.key[1], entry.made, entry.bits, entry.highest);
      if (!image.good()) return;
      if (Entry* const known = find(stripe, entry.key)) *known = entry;
      else add(stripe, entry);
    }
  }
}

// Linear probing without tombstones: later entries move up into the gap.
void NonceTable::remove(Stripe& stripe, uint32_t place) noexcept {
  const uint32_t mask = capacity_ * 2 - 1;
  uint32_t gap = static_cast<uint32_t>(stripe.entries[place].key[0]) & mask;
  while (stripe.index[gap] != place + 1) gap = (gap + 1) & mask;
  for (uint32_t slot = (gap + 1) & mask; stripe.index[slot] != 0; slot = (slot + 1) & mask) {
    const uint32_t home = static_cast<uint32_t>(stripe.entries[stripe.index[slot] - 1u].key[0]) & mask;
    if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
    stripe.index[gap] = stripe.index[slot];
    gap = slot;
  }
  stripe.index[gap] = 0;
}

}  // namespace sluice
