// The transports of SIP and how its headers write them.
#pragma once

#include <cstdint>

#include "core/base/bytes.h"

namespace sluice {

enum class Transport : uint8_t { udp, tcp, tls, ws, wss };

// As in Via (RFC 3261 20.42, RFC 7118 5.1).
inline Text transport_text(Transport transport) noexcept {
  constexpr Text kTexts[] = {"UDP", "TCP", "TLS", "WS", "WSS"};
  return kTexts[static_cast<size_t>(transport)];
}

// As a transport parameter: WebSocket is one transport, secure or not (RFC 7118 5.2). Empty: the parameter is left out.
inline Text transport_param(Transport transport) noexcept {
  constexpr Text kParams[] = {"", ";transport=tcp", ";transport=tls", ";transport=ws", ";transport=ws"};
  return kParams[static_cast<size_t>(transport)];
}

inline bool is_stream(Transport transport) noexcept { return transport != Transport::udp; }
inline bool is_secure(Transport transport) noexcept { return transport == Transport::tls || transport == Transport::wss; }
inline bool is_websocket(Transport transport) noexcept { return transport == Transport::ws || transport == Transport::wss; }

}  // namespace sluice
