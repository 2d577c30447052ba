// The operator's decision on a valid WebSocket handshake: cookies and other header fields are for the operator to judge (RFC 7118 7).
#pragma once

#include "core/sip/address.h"
#include "core/transport/websocket_handshake.h"

namespace sluice {

struct UpgradeWord {
  int status = 101;     // anything else refuses
  std::string headers;  // whole lines with their CRLF
};

class UpgradeGate {
 public:
  virtual ~UpgradeGate() = default;
  virtual UpgradeWord judge(const Upgrade& upgrade, const Address& client, uint16_t listener) noexcept = 0;
};

}  // namespace sluice
