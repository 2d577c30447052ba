#include "core/relay/edge_config.h"

#include <cstring>

#include "core/sip/uri.h"

namespace sluice {

bool TrustedNet::holds(const Address& address) const noexcept {
  if (base.port != 0 && base.port != address.port) return false;
  const size_t whole = prefix / 8;
  if (std::memcmp(base.ip, address.ip, whole) != 0) return false;
  const unsigned rest = prefix % 8;
  return rest == 0 || ((base.ip[whole] ^ address.ip[whole]) >> (8 - rest)) == 0;
}

int find_listener(const EdgeConfig& config, Transport transport, const Address& bound) noexcept {
  for (size_t i = 0; i < config.listeners.size(); ++i)
    if (config.listeners[i].transport == transport && config.listeners[i].bound == bound) return static_cast<int>(i);
  return -1;
}

bool is_own_host(const EdgeConfig& config, Text host, uint16_t port) noexcept {
  Address address;
  bool is_ip = false;
  return is_own_host(config, host, port, address, is_ip);
}

bool is_own_host(const EdgeConfig& config, Text host, uint16_t port, Address& address, bool& is_ip) noexcept {
  // Most often it is written as we write it.
  for (const Alias& alias : config.aliases)
    if (alias.address.port == port && alias.host == host) return true;
  is_ip = parse_ip(host, address);
  if (is_ip) {
    address.port = port;
    for (const Alias& alias : config.aliases)
      if (alias.address == address) return true;
    return false;
  }
  for (const std::string& name : config.names)
    if (same_host(host, name)) return true;
  return false;
}

bool is_in(const std::vector<TrustedNet>& nets, const Address& address) noexcept {
  for (const TrustedNet& net : nets)
    if (net.holds(address)) return true;
  return false;
}

bool is_trusted(const EdgeConfig& config, const Address& address) noexcept { return is_in(config.trusted, address); }

}  // namespace sluice
