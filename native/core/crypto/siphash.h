// SipHash-2-4: the keyed hash of tables that strangers can fill, and the short MAC in our own Via branch.
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

// The same hash over several pieces as if they were one.
class SipHasher {
 public:
  explicit SipHasher(const SipKey& key) noexcept;
  void add(const void* data, size_t size) noexcept;
  uint64_t finish() noexcept;

 private:
  uint64_t v0_, v1_, v2_, v3_;
  uint64_t tail_ = 0;
  uint64_t total_ = 0;
};

// A random key for the lifetime of the process.
SipKey random_sip_key();

}  // namespace sluice
