// HMAC-SHA-256 (RFC 2104, FIPS 180-4) with the key's two states computed in advance, so a short message costs two compressions.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice {

constexpr size_t kSha256Size = 32;

struct Sha256State {
  uint32_t h[8];
};

void sha256(const void* data, size_t size, uint8_t out[kSha256Size]) noexcept;

class HmacKey {
 public:
  HmacKey() noexcept = default;
  HmacKey(const uint8_t* key, size_t size) noexcept;
  // Messages of any length; up to 55 octets cost one inner and one outer compression.
  void mac(const void* data, size_t size, uint8_t out[kSha256Size]) const noexcept;

 private:
  Sha256State inner_{};
  Sha256State outer_{};
};

}  // namespace sluice
