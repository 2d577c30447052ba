#include "core/transport/websocket_frame.h"

#include <cstring>

namespace sluice {
namespace {

constexpr uint8_t kFin = 0x80;
constexpr uint8_t kReserved = 0x70;
constexpr uint8_t kMasked = 0x80;

bool is_known_opcode(uint8_t opcode) noexcept { return opcode <= 2 || (opcode >= 8 && opcode <= 10); }

}  // namespace

WsRead read_ws_header(const char* data, size_t size, WsHeader& out) noexcept {
  const auto* octets = reinterpret_cast<const uint8_t*>(data);
  if (size == 0) return WsRead::more;
  // We never negotiate an extension, so a reserved bit is an error (RFC 6455 5.2).
  if ((octets[0] & kReserved) != 0 || !is_known_opcode(octets[0] & 0x0f)) return WsRead::broken;
  out.opcode = static_cast<Opcode>(octets[0] & 0x0f);
  out.fin = (octets[0] & kFin) != 0;
  if (is_control(out.opcode) && !out.fin) return WsRead::broken;
  if (size < 2) return WsRead::more;
  const uint8_t length = octets[1] & 0x7f;
  if ((octets[1] & kMasked) == 0 || (is_control(out.opcode) && length > kMaxControlPayload)) return WsRead::broken;
  const size_t extended = length == 127 ? 8 : length == 126 ? 2 : 0;
  if (size < 2 + extended) return extended == 8 && size > 2 && (octets[2] & 0x80) ? WsRead::broken : WsRead::more;
  out.payload = extended == 0 ? length : 0;
  for (size_t i = 0; i < extended; ++i) out.payload = out.payload << 8 | octets[2 + i];
  // Only the shortest form is legal, and the top bit of a 64-bit length must be zero.
  if ((extended == 2 && out.payload < 126) || (extended == 8 && (out.payload < 65'536 || out.payload >> 63))) return WsRead::broken;
  out.size = static_cast<uint8_t>(2 + extended + 4);
  if (size < out.size) return WsRead::more;
  std::memcpy(out.mask, octets + 2 + extended, 4);
  return WsRead::header;
}

size_t write_ws_header(Opcode opcode, uint64_t payload, char* out) noexcept {
  out[0] = static_cast<char>(kFin | static_cast<uint8_t>(opcode));
  const size_t extended = payload >= 65'536 ? 8 : payload >= 126 ? 2 : 0;
  out[1] = static_cast<char>(extended == 8 ? 127 : extended == 2 ? 126 : payload);
  for (size_t i = 0; i < extended; ++i) out[2 + i] = static_cast<char>(payload >> 8 * (extended - 1 - i));
  return 2 + extended;
}

void unmask(char* data, size_t size, const uint8_t* mask) noexcept {
  uint8_t doubled[8];
  std::memcpy(doubled, mask, 4);
  std::memcpy(doubled + 4, mask, 4);
  uint64_t key;
  std::memcpy(&key, doubled, 8);
  size_t at = 0;
  for (; size - at >= 8; at += 8) {
    uint64_t word;
    std::memcpy(&word, data + at, 8);
    word ^= key;
    std::memcpy(data + at, &word, 8);
  }
  for (; at < size; ++at) data[at] = static_cast<char>(static_cast<uint8_t>(data[at]) ^ mask[at & 3]);
}

}  // namespace sluice
