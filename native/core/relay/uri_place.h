// Where a SIP URI leads without DNS: port and transport, with defaults for those it does not name (RFC 3261 19.1.2, RFC 7118 5.5).
#pragma once

#include "core/sip/address.h"
#include "core/sip/lexer.h"
#include "core/sip/uri.h"
#include "core/sip/via.h"
#include "core/transport/transport.h"

namespace sluice {

inline bool is_sip(const Uri& uri) noexcept { return uri.scheme == Scheme::sip || uri.scheme == Scheme::sips; }

// The value of the transport parameter, which is nearly always the first one. False: there is none.
inline bool find_transport(const Uri& uri, Text* value) noexcept {
  constexpr size_t kName = sizeof ";transport=" - 1;
  if ((uri.known_params & kUri_transport) == 0) return false;
  if (!same_word(uri.params.substr(0, kName), ";transport=")) return find_uri_param(uri.params, "transport", value);
  *value = uri.params.substr(kName);
  *value = value->substr(0, value->find(';'));
  return true;
}

inline uint16_t port_of(const Uri& uri) noexcept {
  if (uri.port != 0) return uri.port;
  constexpr uint16_t kWs = 80, kWss = 443;
  const bool secure = uri.scheme == Scheme::sips;
  Text transport;
  if (!find_transport(uri, &transport)) return secure ? kSipsPort : kSipPort;
  if (same_text(transport, "ws")) return secure ? kWss : kWs;
  if (same_text(transport, "wss")) return kWss;
  return secure || same_text(transport, "tls") ? kSipsPort : kSipPort;
}

// As the core understands it: anything other than TCP and TLS counts as UDP.
inline Transport transport_of(const Uri& uri) noexcept {
  Text value;
  if (uri.scheme == Scheme::sips) return Transport::tls;
  if (!find_transport(uri, &value)) return Transport::udp;
  return same_text(value, "tcp") ? Transport::tcp : same_text(value, "tls") ? Transport::tls : Transport::udp;
}

}  // namespace sluice
