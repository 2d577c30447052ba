#include "core/crypto/hmac.h"

#include <cstring>

#include "core/base/network_order.h"
#include "core/crypto/sha256.h"

namespace sluice {
namespace {

constexpr size_t kBlock = 64;

void put_digest(const Sha256State& state, uint8_t* out) noexcept {
  for (int i = 0; i < 8; ++i) put32(out + 4 * i, state.h[i]);
}

// Hashes the last `rest` octets, which are in `last` followed by zeros; `total` counts all octets (FIPS 180-4 5.1.1).
void finish(Sha256State& state, uint8_t last[2 * kBlock], size_t rest, uint64_t total) noexcept {
  const size_t blocks = rest + 9 <= kBlock ? 1 : 2;
  last[rest] = 0x80;
  put32(last + blocks * kBlock - 8, static_cast<uint32_t>(total >> 29));
  put32(last + blocks * kBlock - 4, static_cast<uint32_t>(total << 3));
  sha256_compress()(state.h, last, blocks);
}

// Continues from the state after `before` octets, which are whole blocks.
void finish_with(Sha256State& state, size_t before, const uint8_t* data, size_t size) noexcept {
  const size_t whole = size / kBlock;
  if (whole > 0) sha256_compress()(state.h, data, whole);
  const size_t rest = size % kBlock;
  uint8_t last[2 * kBlock] = {};
  if (rest > 0) std::memcpy(last, data + whole * kBlock, rest);
  finish(state, last, rest, uint64_t{before} + size);
}

Sha256State start() noexcept {
  Sha256State state;
  std::memcpy(state.h, kSha256Start, sizeof state.h);
  return state;
}

}  // namespace

void sha256(const void* data, size_t size, uint8_t out[kSha256Size]) noexcept {
  Sha256State state = start();
  finish_with(state, 0, static_cast<const uint8_t*>(data), size);
  put_digest(state, out);
}

HmacKey::HmacKey(const uint8_t* key, size_t size) noexcept {
  uint8_t padded[kBlock] = {};
  if (size > kBlock) sha256(key, size, padded);
  else if (size > 0) std::memcpy(padded, key, size);
  uint8_t block[kBlock];
  for (size_t i = 0; i < kBlock; ++i) block[i] = padded[i] ^ 0x36;
  inner_ = start();
  sha256_compress()(inner_.h, block, 1);
  for (size_t i = 0; i < kBlock; ++i) block[i] = padded[i] ^ 0x5C;
  outer_ = start();
  sha256_compress()(outer_.h, block, 1);
}

void HmacKey::mac(const void* data, size_t size, uint8_t out[kSha256Size]) const noexcept {
  Sha256State state = inner_;
  finish_with(state, kBlock, static_cast<const uint8_t*>(data), size);
  uint8_t last[2 * kBlock] = {};
  put_digest(state, last);
  state = outer_;
  finish(state, last, kSha256Size, kBlock + kSha256Size);
  put_digest(state, out);
}

}  // namespace sluice
