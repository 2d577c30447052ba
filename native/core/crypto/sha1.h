// SHA-1 (FIPS 180-4), only for the key of the WebSocket handshake, where its weakness does not matter (RFC 6455 4.2.2).
#pragma once

#include <array>
#include <cstdint>

#include "core/base/bytes.h"

namespace sluice {

std::array<uint8_t, 20> sha1(Text data) noexcept;

}  // namespace sluice
