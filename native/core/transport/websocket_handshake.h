// The opening handshake of a WebSocket, server's side (RFC 6455 4.2), for the subprotocol sip (RFC 7118 4.1).
#pragma once

#include <string>
#include <vector>

#include "core/base/edit_list.h"

namespace sluice {

constexpr size_t kMaxHandshake = 8 * 1024;  // octets of the whole request
constexpr size_t kMaxUpgradeAnswer = 4 * 1024;

struct UpgradeRules {
  std::vector<std::string> origins;  // empty: any, none too. "https://example.org" in lower case
  std::vector<std::string> paths;    // empty: any
};

// Views into the request.
struct Upgrade {
  int status = 400;  // 101: it may be agreed to
  Text head;         // start line and header fields with the empty line
  Text target;
  Text origin;       // empty: none
  Text key;          // 24 octets of base64
};

enum class UpgradeRead : uint8_t { more, whole };

// Reads the request from the octets that came so far. Whatever is wrong is in `out.status`, and then the connection ends with the answer.
UpgradeRead read_upgrade(Text octets, const UpgradeRules& rules, Upgrade& out) noexcept;

// The answer 101, or a refusal by `status` with any header lines of the operator's (each with its CRLF).
void write_upgrade_answer(const Upgrade& upgrade, int status, Text reason, Text headers, Writer& out) noexcept;

}  // namespace sluice
