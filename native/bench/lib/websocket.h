// The client side of a WebSocket that carries SIP (RFC 6455, RFC 7118): the upgrade, masked frames out, plain frames in.
#pragma once

#include "framing.h"

namespace sluice::bench {

enum class Opcode : uint8_t { kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };

// Room for a frame header before the payload: two octets, two of length, four of mask.
constexpr size_t kFrameHeadroom = 8;

// The nonce from RFC 6455 1.3, so that we know the accept value without SHA-1.
constexpr Text kUpgradeRequest =
    "GET / HTTP/1.1\r\nHost: load.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n";
constexpr Text kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

// Size of the response to the upgrade; 0: incomplete, kBroken: it does not accept.
inline size_t take_upgrade(Text text) noexcept {
  const size_t end = text.find("\r\n\r\n");
  if (end == Text::npos) return text.size() > 4096 ? kBroken : 0;
  Text head = text.substr(0, end);
  return head.starts_with("HTTP/1.1 101") && head.find(kAccept) != Text::npos ? end + 4 : kBroken;
}

// Masks the payload in place and writes the header before it (RFC 6455 5.2, 5.3). Returns where the frame begins.
inline char* write_frame(char* payload, size_t size, Opcode opcode, uint32_t mask) noexcept {
  const uint64_t wide = static_cast<uint64_t>(mask) << 32 | mask;
  size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    uint64_t octets;
    std::memcpy(&octets, payload + i, 8);
    octets ^= wide;
    std::memcpy(payload + i, &octets, 8);
  }
  for (; i < size; ++i) payload[i] = static_cast<char>(payload[i] ^ static_cast<char>(mask >> (8 * (i & 3))));
  char* begin = payload - (size < 126 ? 6 : 8);
  begin[0] = static_cast<char>(0x80 | static_cast<uint8_t>(opcode));
  if (size < 126) {
    begin[1] = static_cast<char>(0x80 | size);
  } else {
    begin[1] = static_cast<char>(0x80 | 126);
    begin[2] = static_cast<char>(size >> 8);
    begin[3] = static_cast<char>(size);
  }
  std::memcpy(payload - 4, &mask, 4);
  return begin;
}

// Calls f(opcode, payload) for each complete frame. A server must not mask, and no edge needs to fragment messages of this size.
template <typename F>
size_t take_frames(Text text, F&& f) {
  size_t used = 0;
  for (;;) {
    Text rest = text.substr(used);
    if (rest.size() < 2) return used;
    const uint8_t first = static_cast<uint8_t>(rest[0]);
    const uint8_t second = static_cast<uint8_t>(rest[1]);
    if ((first & 0xf0) != 0x80 || second > 126) return kBroken;
    size_t header = 2;
    size_t size = second;
    if (second == 126) {
      if (rest.size() < 4) return used;
      header = 4;
      size = static_cast<size_t>(static_cast<uint8_t>(rest[2])) << 8 | static_cast<uint8_t>(rest[3]);
    }
    if (rest.size() < header + size) return used;
    f(static_cast<Opcode>(first & 15), rest.substr(header, size));
    used += header + size;
  }
}

}  // namespace sluice::bench
