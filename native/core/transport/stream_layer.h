// What lies between a connection and SIP: PROXY header, TLS, WebSocket. A plain TCP flow has no such layer.
#pragma once

#include <memory>

#include "core/base/flow_buffer.h"
#include "core/transport/tls_session.h"
#include "core/transport/websocket.h"

namespace sluice {

enum class Stage : uint8_t {
  proxy_header,  // first comes who the client is
  upgrade,       // the request of the WebSocket opening handshake
  open,          // SIP
};

struct StreamLayer {
  std::unique_ptr<TlsSession> tls;
  FlowBuffer* record = nullptr;  // the beginning of a TLS record
  WsState ws;
  Stage stage = Stage::open;
  bool is_secure = false;
  bool is_websocket = false;
  bool must_have_proxy_header = false;
  bool has_handshake_place = false;  // counted among the handshakes of its source
  bool pinged = false;          // we sent a ping and wait for any sign of life
  bool close_sent = false;      // we sent a close frame
  bool awaits_turn = false;     // its handshake goes on when others have had their turn
};

}  // namespace sluice
