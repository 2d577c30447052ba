// What lies between a connection and SIP, for the flows that have something there: PROXY header, TLS, WebSocket. A TCP flow has none.
#pragma once

#include <memory>

#include "core/transport/tls_session.h"
#include "core/transport/websocket.h"

namespace sluice {

enum class Stage : uint8_t {
  proxy_header,  // who the client is comes first
  upgrade,       // the request of the WebSocket's opening handshake
  open,          // SIP
};

struct StreamLayer {
  std::unique_ptr<TlsSession> tls;
  WsState ws;
  Stage stage = Stage::open;
  bool is_secure = false;
  bool is_websocket = false;
  bool must_have_proxy_header = false;
  bool pinged = false;          // a ping of ours waits for a life sign
  bool close_sent = false;      // a close frame of ours has left
};

}  // namespace sluice
