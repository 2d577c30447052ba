#include "core/sip/head_map.h"

#include <algorithm>
#include <cstring>

#if defined(__x86_64__) && defined(__SSE2__)
#include <immintrin.h>
#endif

namespace sluice {
namespace {

constexpr bool is_special(char c) noexcept {
  const char low = static_cast<char>(c | 0x20);
  return !((low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_');
}

void map_portably(const char* octets, size_t blocks, uint64_t* specials, uint64_t* controls) noexcept {
  for (size_t block = 0; block < blocks; ++block, octets += 64) {
    uint64_t special = 0, control = 0;
    for (unsigned i = 0; i < 64; ++i) {
      special |= uint64_t{is_special(octets[i])} << i;
      control |= uint64_t{is_control(octets[i]) && octets[i] != '\t'} << i;
    }
    specials[block] = special;
    controls[block] = control;
  }
}

#if defined(__x86_64__) && defined(__SSE2__)

uint32_t controls_of_16(__m128i octets) noexcept {
  const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(octets, _mm_set1_epi8(0x1F)), octets);
  const __m128i del = _mm_cmpeq_epi8(octets, _mm_set1_epi8(0x7F));
  const __m128i tab = _mm_cmpeq_epi8(octets, _mm_set1_epi8('\t'));
  return static_cast<uint32_t>(_mm_movemask_epi8(_mm_andnot_si128(tab, _mm_or_si128(low, del))));
}

void map_by_16(const char* octets, size_t blocks, uint64_t* specials, uint64_t* controls) noexcept {
  for (size_t block = 0; block < blocks; ++block) {
    uint64_t plain = 0, control = 0;
    for (unsigned i = 0; i < 64; i += 16, octets += 16) {
      plain |= uint64_t{plain_of_16(octets)} << i;
      control |= uint64_t{controls_of_16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(octets)))} << i;
    }
    specials[block] = ~plain;
    controls[block] = control;
  }
}

// An octet is looked up by its two halves: it belongs to a group if both halves have the group's bit. The groups: '-' '.', the digits,
// two halves of the letters, '_'; then the controls of each of the two first rows, and DEL.
constexpr uint8_t kPlainGroups = 0x1F;
constexpr uint8_t kControlGroups = 0xE0;

struct HalfTables {
  // Each four times over.
  alignas(64) uint8_t low[64] = {};
  alignas(64) uint8_t high[64] = {};
};

constexpr HalfTables make_half_tables() {
  HalfTables tables;
  const auto add = [&](unsigned bit, unsigned high, unsigned first, unsigned last) {
    tables.high[high] |= static_cast<uint8_t>(1u << bit);
    for (unsigned low = first; low <= last; ++low) tables.low[low] |= static_cast<uint8_t>(1u << bit);
  };
  add(0, 2, 0xD, 0xE);
  add(1, 3, 0x0, 0x9);
  for (const unsigned letters : {4u, 6u}) add(2, letters, 0x1, 0xF);
  for (const unsigned letters : {5u, 7u}) add(3, letters, 0x0, 0xA);
  add(4, 5, 0xF, 0xF);
  add(5, 0, 0x0, 0x8);
  add(5, 0, 0xA, 0xF);
  add(6, 1, 0x0, 0xF);
  add(7, 7, 0xF, 0xF);
  for (unsigned i = 16; i < 64; ++i) {
    tables.low[i] = tables.low[i % 16];
    tables.high[i] = tables.high[i % 16];
  }
  return tables;
}

constexpr HalfTables kHalves = make_half_tables();

[[gnu::target("avx2")]] uint64_t lacking(__m256i groups, uint8_t wanted) noexcept {
  const __m256i met = _mm256_and_si256(groups, _mm256_set1_epi8(static_cast<char>(wanted)));
  return static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(met, _mm256_setzero_si256())));
}

[[gnu::target("avx2")]] void map_by_32(const char* octets, size_t blocks, uint64_t* specials, uint64_t* controls) noexcept {
  const __m256i low = _mm256_load_si256(reinterpret_cast<const __m256i*>(kHalves.low)), high = _mm256_load_si256(reinterpret_cast<const __m256i*>(kHalves.high));
  for (size_t block = 0; block < blocks; ++block) {
    uint64_t special = 0, quiet = 0;
    for (unsigned i = 0; i < 64; i += 32, octets += 32) {
      const __m256i here = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(octets));
      // An octet from 0x80 on finds nothing in `low`.
      const __m256i upper = _mm256_and_si256(_mm256_srli_epi16(here, 4), _mm256_set1_epi8(0x0F));
      const __m256i groups = _mm256_and_si256(_mm256_shuffle_epi8(low, here), _mm256_shuffle_epi8(high, upper));
      special |= lacking(groups, kPlainGroups) << i;
      quiet |= lacking(groups, kControlGroups) << i;
    }
    specials[block] = special;
    controls[block] = ~quiet;
  }
}

[[gnu::target("avx512bw")]] void map_by_64(const char* octets, size_t blocks, uint64_t* specials, uint64_t* controls) noexcept {
  const __m512i low = _mm512_load_si512(kHalves.low), high = _mm512_load_si512(kHalves.high);
  for (size_t block = 0; block < blocks; ++block, octets += 64) {
    const __m512i here = _mm512_loadu_si512(octets);
    const __m512i upper = _mm512_and_si512(_mm512_srli_epi16(here, 4), _mm512_set1_epi8(0x0F));
    const __m512i groups = _mm512_and_si512(_mm512_shuffle_epi8(low, here), _mm512_shuffle_epi8(high, upper));
    specials[block] = _mm512_testn_epi8_mask(groups, _mm512_set1_epi8(static_cast<char>(kPlainGroups)));
    controls[block] = _mm512_test_epi8_mask(groups, _mm512_set1_epi8(static_cast<char>(kControlGroups)));
  }
}

#endif

}  // namespace

OctetMappers octet_mappers() noexcept {
  OctetMappers found;
  const auto add = [&](const char* name, MapOctets run) { found.all[found.count++] = {name, run}; };
  add("portable", map_portably);
#if defined(__x86_64__) && defined(__SSE2__)
  add("SSE2", map_by_16);
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2")) add("AVX2", map_by_32);
  if (__builtin_cpu_supports("avx512bw")) add("AVX-512", map_by_64);
#endif
  return found;
}

static MapOctets fastest_mapper() noexcept {
  const OctetMappers found = octet_mappers();
  return found.all[found.count - 1].run;
}

static const MapOctets kMapOctets = fastest_mapper();

size_t HeadMap::extend(size_t size, uint64_t (&controls)[kChunk]) noexcept {
  const char* const at = head_ + mapped_;
  const size_t octets = std::min(size - mapped_, kChunk * 64), whole = octets / 64, rest = octets % 64;
  uint64_t* const specials = specials_ + mapped_ / 64;
  kMapOctets(at, whole, specials, controls);
  mapped_ += octets;
  if (rest > 0) {
    // The 64 octets that end here, unless there are fewer.
    const char* last = at + octets - 64;
    char copy[64];
    if (mapped_ < 64) {
      std::memset(copy, 0, sizeof copy);
      std::memcpy(copy + 64 - rest, at, rest);
      last = copy;
    }
    kMapOctets(last, 1, specials + whole, controls + whole);
    specials[whole] >>= 64 - rest;
    controls[whole] >>= 64 - rest;
  }
  specials_[(mapped_ + 63) / 64] = ~uint64_t{0};
  return octets;
}

}  // namespace sluice
