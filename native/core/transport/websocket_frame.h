// The frames of RFC 6455 5.2: reads the header of a client's frame, writes that of a server's, and applies the mask.
#pragma once

#include "core/base/bytes.h"

namespace sluice {

enum class Opcode : uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

inline bool is_control(Opcode opcode) noexcept { return static_cast<uint8_t>(opcode) >= 8; }

// RFC 6455 7.4.1.
enum class CloseCode : uint16_t {
  none = 0,
  normal = 1000,
  going_away = 1001,
  protocol_error = 1002,
  unsupported = 1003,
  bad_utf8 = 1007,
  too_big = 1009,
};

struct WsHeader {
  Opcode opcode = Opcode::text;
  bool fin = false;
  uint8_t mask[4] = {};
  uint8_t size = 0;      // octets of the header itself
  uint64_t payload = 0;
};

constexpr size_t kMaxServerHeader = 10;
constexpr size_t kMaxControlPayload = 125;

enum class WsRead : uint8_t { more, header, broken };

// Reads the header of a client's frame as far as it has arrived: masked, no reserved bits, a known opcode, control frames unfragmented
// and short (RFC 6455 5.1, 5.2, 5.5), and a length below 2^63. Reports a fault as soon as the faulty octet arrives.
WsRead read_ws_header(const char* data, size_t size, WsHeader& out) noexcept;

// Writes the header of a whole server message, never masked; returns its size.
size_t write_ws_header(Opcode opcode, uint64_t payload, char* out) noexcept;

// Applies the mask in place. `data` is the start of the payload.
void unmask(char* data, size_t size, const uint8_t* mask) noexcept;

}  // namespace sluice
