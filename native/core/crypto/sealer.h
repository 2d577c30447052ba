// Encryption that shows when it was tampered with. The core knows what it is for, native/tls how it is done.
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
  // Writes the sealed octets, as many as `clear` has, and kTag more. `iv` is never used again. False: it cannot be done.
  virtual bool seal(const uint8_t (&iv)[kIv], Text clear, uint8_t* out) noexcept = 0;
};

}  // namespace sluice
