#include "key_schedule.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cstring>

#include "aead.h"

namespace sluice {
namespace {

constexpr size_t kMostHash = 48;

const EVP_MD* hash_of(AeadSuite suite) noexcept { return suite == AeadSuite::aes_256_gcm ? EVP_sha384() : EVP_sha256(); }

bool hmac(AeadSuite suite, Text key, const uint8_t* data, size_t size, uint8_t (&out)[kMostHash]) noexcept {
  unsigned length = 0;
  return HMAC(hash_of(suite), key.data(), static_cast<int>(key.size()), data, size, out, &length) != nullptr && length == secret_size(suite);
}

// RFC 8446 7.1 with an empty context. HKDF-Expand needs one block only: nothing here is longer than the hash.
bool expand_label(AeadSuite suite, const uint8_t* secret, Text label, uint8_t* out, size_t size) noexcept {
  uint8_t info[32] = {0, static_cast<uint8_t>(size), static_cast<uint8_t>(6 + label.size()), 't', 'l', 's', '1', '3', ' '};
  label.copy(reinterpret_cast<char*>(info) + 9, label.size());
  size_t at = 9 + label.size();
  info[at++] = 0;  // the context is empty
  info[at++] = 1;  // the first block
  uint8_t block[kMostHash];
  const bool done = hmac(suite, Text(reinterpret_cast<const char*>(secret), secret_size(suite)), info, at, block);
  std::memcpy(out, block, size);
  OPENSSL_cleanse(block, sizeof block);
  return done;
}

}  // namespace

size_t secret_size(AeadSuite suite) noexcept { return suite == AeadSuite::aes_256_gcm ? 48 : 32; }

bool derive_keys(AeadSuite suite, TrafficKeys& keys) noexcept {
  keys.number = 0;
  return expand_label(suite, keys.secret, "key", keys.key, key_size(suite)) && expand_label(suite, keys.secret, "iv", keys.iv, sizeof keys.iv);
}

bool update_keys(AeadSuite suite, TrafficKeys& keys) noexcept {
  forget_key(keys.key);
  uint8_t next[kMostHash];
  const bool done = expand_label(suite, keys.secret, "traffic upd", next, secret_size(suite));
  std::memcpy(keys.secret, next, secret_size(suite));
  OPENSSL_cleanse(next, sizeof next);
  return done && derive_keys(suite, keys);
}

// RFC 5246 5: P_hash(secret, seed) = HMAC(secret, A(1) + seed) + HMAC(secret, A(2) + seed) + …, where A(i) = HMAC(secret, A(i - 1)).
bool expand_key_block(AeadSuite suite, Text master_secret, Text seeds, TrafficKeys& client, TrafficKeys& server) noexcept {
  constexpr Text kLabel = "key expansion";
  constexpr size_t kSeeds = 64;
  if (seeds.size() != kSeeds) return false;
  const size_t hash = secret_size(suite);
  uint8_t chained[kMostHash + kLabel.size() + kSeeds];  // A(i), then the seed
  uint8_t* const seed = chained + hash;
  const size_t seed_size = kLabel.size() + kSeeds;
  kLabel.copy(reinterpret_cast<char*>(seed), kLabel.size());
  seeds.copy(reinterpret_cast<char*>(seed) + kLabel.size(), kSeeds);

  uint8_t block[3 * kMostHash];  // two keys of 32 octets and two IVs of 12, in whole hashes
  const size_t salt = suite == AeadSuite::chacha20_poly1305 ? 12 : 4;
  const size_t key = key_size(suite);
  const size_t wanted = 2 * (key + salt);
  uint8_t step[kMostHash];
  bool done = hmac(suite, master_secret, seed, seed_size, step);
  for (size_t at = 0; done && at < wanted; at += hash) {
    std::memcpy(chained, step, hash);
    uint8_t part[kMostHash];
    done = hmac(suite, master_secret, chained, hash + seed_size, part) && hmac(suite, master_secret, chained, hash, step);
    std::memcpy(block + at, part, std::min(hash, sizeof block - at));
    OPENSSL_cleanse(part, sizeof part);
  }
  std::memcpy(client.key, block, key);
  std::memcpy(server.key, block + key, key);
  std::memcpy(client.iv, block + 2 * key, salt);
  std::memcpy(server.iv, block + 2 * key + salt, salt);
  OPENSSL_cleanse(block, sizeof block);
  OPENSSL_cleanse(step, sizeof step);
  OPENSSL_cleanse(chained, sizeof chained);
  return done;
}

}  // namespace sluice
