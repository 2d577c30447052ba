#include "core/crypto/own_aes_gcm.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <cstring>

namespace sluice {
namespace {

#define SLUICE_AES __attribute__((target("aes,pclmul,ssse3,sse4.1")))

constexpr size_t kAesBlock = 16;
constexpr int kAesRounds = 14;
constexpr size_t kTogether = 8;  // blocks whose rounds the processor overlaps

SLUICE_AES inline __m128i load(const void* from) noexcept { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }
SLUICE_AES inline void store(void* to, __m128i value) noexcept { _mm_storeu_si128(static_cast<__m128i*>(to), value); }

// The order in which GHASH reads a block is the reverse of the processor's.
SLUICE_AES inline __m128i reversed(__m128i block) noexcept { return _mm_shuffle_epi8(block, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)); }

// Each word of a round key is the sum of all up to it in the key two rounds before, and of `turned`.
SLUICE_AES inline __m128i next_key(__m128i key, __m128i turned) noexcept {
  key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
  key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
  return _mm_xor_si128(key, turned);
}

// FIPS 197 5.2.
template <int kConstant>
SLUICE_AES inline void expand_pair(__m128i* keys, int at) noexcept {
  keys[at] = next_key(keys[at - 2], _mm_shuffle_epi32(_mm_aeskeygenassist_si128(keys[at - 1], kConstant), 0xFF));
  if (at < kAesRounds) keys[at + 1] = next_key(keys[at - 1], _mm_shuffle_epi32(_mm_aeskeygenassist_si128(keys[at], 0), 0xAA));
}

SLUICE_AES void expand(const uint8_t* key, __m128i (&keys)[kAesRounds + 1]) noexcept {
  keys[0] = load(key);
  keys[1] = load(key + kAesBlock);
  expand_pair<0x01>(keys, 2);
  expand_pair<0x02>(keys, 4);
  expand_pair<0x04>(keys, 6);
  expand_pair<0x08>(keys, 8);
  expand_pair<0x10>(keys, 10);
  expand_pair<0x20>(keys, 12);
  expand_pair<0x40>(keys, 14);
}

// RFC 8452 appendix A: GHASH is POLYVAL of the reversed blocks with the reversed key times x, in whose field a product needs no shift.
SLUICE_AES __m128i polyval_key(__m128i hash_key) noexcept {
  const __m128i key = reversed(hash_key);
  const __m128i carries = _mm_srli_epi64(key, 63);
  const __m128i doubled = _mm_or_si128(_mm_slli_epi64(key, 1), _mm_slli_si128(carries, 8));
  const bool overflows = _mm_extract_epi64(carries, 1) != 0;
  return overflows ? _mm_xor_si128(doubled, _mm_set_epi64x(static_cast<long long>(0xC200'0000'0000'0000u), 1)) : doubled;
}

// RFC 8452 3: one times the other times x^-128.
SLUICE_AES inline __m128i dot(__m128i one, __m128i other) noexcept {
  const __m128i fold = _mm_set_epi64x(0, static_cast<long long>(0xC200'0000'0000'0000u));
  const __m128i middle = _mm_xor_si128(_mm_clmulepi64_si128(one, other, 0x10), _mm_clmulepi64_si128(one, other, 0x01));
  __m128i low = _mm_xor_si128(_mm_clmulepi64_si128(one, other, 0x00), _mm_slli_si128(middle, 8));
  const __m128i high = _mm_xor_si128(_mm_clmulepi64_si128(one, other, 0x11), _mm_srli_si128(middle, 8));
  for (int half = 0; half < 2; ++half) low = _mm_xor_si128(_mm_shuffle_epi32(low, 0x4E), _mm_clmulepi64_si128(low, fold, 0x00));
  return _mm_xor_si128(high, low);
}

class OwnAesGcm final : public Sealer {
 public:
  SLUICE_AES explicit OwnAesGcm(const uint8_t* key) noexcept {
    expand(key, keys_);
    __m128i zero = _mm_setzero_si128();
    encrypt(&zero, 1);
    hash_key_ = polyval_key(zero);
  }
  ~OwnAesGcm() override {
    for (volatile char* at = reinterpret_cast<char*>(keys_); at != reinterpret_cast<char*>(keys_ + kAesRounds + 1); ++at) *at = 0;
  }

  // SP 800-38D 7.1 with an IV of 96 bits and no additional data.
  SLUICE_AES bool seal(const uint8_t (&iv)[kIv], Text clear, uint8_t* out) noexcept override {
    uint8_t first[kAesBlock] = {};
    std::memcpy(first, iv, kIv);
    const __m128i start = load(first);
    __m128i pads[kTogether];
    // The first pad covers the tag.
    uint32_t counter = 1;
    size_t made = fill(start, counter, 1 + (clear.size() + kAesBlock - 1) / kAesBlock, pads), used = 1;
    const __m128i tag_pad = pads[0];
    __m128i sum = _mm_setzero_si128();
    for (size_t at = 0; at < clear.size(); at += kAesBlock) {
      if (used == made) {
        made = fill(start, counter, (clear.size() - at + kAesBlock - 1) / kAesBlock, pads);
        used = 0;
      }
      const size_t size = clear.size() - at;
      if (size >= kAesBlock) {
        const __m128i sealed = _mm_xor_si128(load(clear.data() + at), pads[used++]);
        store(out + at, sealed);
        sum = dot(_mm_xor_si128(sum, reversed(sealed)), hash_key_);
        continue;
      }
      uint8_t block[kAesBlock] = {};
      std::memcpy(block, clear.data() + at, size);
      store(block, _mm_xor_si128(load(block), pads[used++]));
      std::memset(block + size, 0, kAesBlock - size);
      std::memcpy(out + at, block, size);
      sum = dot(_mm_xor_si128(sum, reversed(load(block))), hash_key_);
    }
    const __m128i bits = _mm_set_epi64x(0, static_cast<long long>(clear.size() * 8));
    sum = dot(_mm_xor_si128(sum, bits), hash_key_);
    store(out + clear.size(), _mm_xor_si128(reversed(sum), tag_pad));
    return true;
  }

 private:
  // The next pads, `wanted` or as many as fit; the last word of each counter block counts.
  SLUICE_AES size_t fill(__m128i start, uint32_t& counter, size_t wanted, __m128i (&pads)[kTogether]) const noexcept {
    const size_t count = std::min(wanted, kTogether);
    for (size_t i = 0; i < count; ++i) pads[i] = _mm_insert_epi32(start, static_cast<int>(__builtin_bswap32(counter++)), 3);
    encrypt(pads, count);
    return count;
  }

  SLUICE_AES void encrypt(__m128i* blocks, size_t count) const noexcept {
    for (size_t i = 0; i < count; ++i) blocks[i] = _mm_xor_si128(blocks[i], keys_[0]);
    for (int round = 1; round < kAesRounds; ++round)
      for (size_t i = 0; i < count; ++i) blocks[i] = _mm_aesenc_si128(blocks[i], keys_[round]);
    for (size_t i = 0; i < count; ++i) blocks[i] = _mm_aesenclast_si128(blocks[i], keys_[kAesRounds]);
  }

  __m128i keys_[kAesRounds + 1];
  __m128i hash_key_;
};

#undef SLUICE_AES

}  // namespace

std::unique_ptr<Sealer> make_own_aes_gcm(const uint8_t* key) noexcept {
  static const bool can = __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1");
  return can ? std::make_unique<OwnAesGcm>(key) : nullptr;
}

}  // namespace sluice

#else

namespace sluice {

std::unique_ptr<Sealer> make_own_aes_gcm(const uint8_t*) noexcept { return nullptr; }

}  // namespace sluice

#endif
