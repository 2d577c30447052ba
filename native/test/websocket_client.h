// The client's side of a WebSocket (RFC 6455): its upgrade and its frames, masked with four zero octets.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::test {

inline std::string websocket_upgrade(const std::string& lines = "Sec-WebSocket-Protocol: sip\r\n", const std::string& path = "/") {
  return "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + lines + "\r\n";
}

inline std::string websocket_frame(uint8_t opcode, const std::string& payload, bool last = true) {
  std::string out(1, static_cast<char>((last ? 0x80 : 0) | opcode));
  if (payload.size() < 126) {
    out += static_cast<char>(0x80 | payload.size());
  } else {
    out += static_cast<char>(0x80 | 126);
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size());
  }
  return out + std::string(4, '\0') + payload;
}

}  // namespace sluice::test
