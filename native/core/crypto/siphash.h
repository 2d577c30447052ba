// SipHash: 2-4 for the short MAC in our own Via branch and for what outlives this version of the program, 1-3 for tables in memory that
// strangers can fill (docs/decisions/keyed-hashes.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice {

struct SipKey {
  uint64_t k0 = 0;
  uint64_t k1 = 0;
};

uint64_t siphash(const SipKey& key, const void* data, size_t size) noexcept;

// A key for one purpose, derived from a secret that serves several.
SipKey derive(const SipKey& secret, std::string_view purpose) noexcept;

// The same hash over several pieces as if they were one, with so many rounds for each word, and at the end.
template <int kRounds, int kLastRounds>
class BasicSipHasher {
 public:
  explicit BasicSipHasher(const SipKey& key) noexcept;
  void add(const void* data, size_t size) noexcept;
  uint64_t finish() noexcept;

 private:
  uint64_t v0_, v1_, v2_, v3_;
  uint64_t tail_ = 0;
  uint64_t total_ = 0;
};

using SipHasher = BasicSipHasher<2, 4>;
using TableHasher = BasicSipHasher<1, 3>;

// TableHasher's hash of one piece.
uint64_t table_hash(const SipKey& key, const void* data, size_t size) noexcept;

// A random key for the lifetime of the process.
SipKey random_sip_key();

}  // namespace sluice
