// The operator's own word on a WebSocket handshake that is sound: cookies and other header fields are his to judge (RFC 7118 7).
#pragma once

#include "core/sip/address.h"
#include "core/transport/websocket_handshake.h"

namespace sluice {

struct UpgradeWord {
  int status = 101;     // any other refuses
  std::string headers;  // whole lines with their CRLF
};

class UpgradeGate {
 public:
  virtual ~UpgradeGate() = default;
  virtual UpgradeWord judge(const Upgrade& upgrade, const Address& client, uint16_t listener) noexcept = 0;
};

}  // namespace sluice
