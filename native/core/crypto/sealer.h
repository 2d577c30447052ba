// Authenticated encryption. The core only uses this interface; native/tls implements it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/bytes.h"

namespace sluice {

class Sealer {
 public:
  static constexpr size_t kIv = 12;
  static constexpr size_t kTag = 16;
  virtual ~Sealer() = default;
  // Writes as many octets as `clear` has, plus kTag. No `iv` may be used twice. False: it failed.
  virtual bool seal(const uint8_t (&iv)[kIv], Text clear, uint8_t* out) noexcept = 0;
};

}  // namespace sluice
