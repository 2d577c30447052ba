// The WebSocket opening handshake, server side (RFC 6455 4.2), for the subprotocol sip (RFC 7118 4.1).
#pragma once

#include <string>
#include <vector>

#include "core/base/edit_list.h"

namespace sluice {

constexpr size_t kMaxHandshake = 8 * 1024;  // octets of the whole request
constexpr size_t kMaxUpgradeAnswer = 4 * 1024;

struct UpgradeRules {
  std::vector<std::string> origins;  // empty: any, or none. In lower case, like "https://example.org"
  std::vector<std::string> paths;    // empty: any
};

// Views into the request.
struct Upgrade {
  int status = 400;  // 101: may be accepted
  Text head;         // start line, header fields and the empty line
  Text target;
  Text origin;       // empty: none
  Text key;          // 24 octets of base64
};

enum class UpgradeRead : uint8_t { more, whole };

// Reads the request from the octets received so far. `out.status` says what is wrong, if anything; the connection then ends with the
// response.
UpgradeRead read_upgrade(Text octets, const UpgradeRules& rules, Upgrade& out) noexcept;

// Writes the 101, or a refusal with `status`; `headers` are lines of the operator's, each with its CRLF.
void write_upgrade_answer(const Upgrade& upgrade, int status, Text reason, Text headers, Writer& out) noexcept;

}  // namespace sluice
