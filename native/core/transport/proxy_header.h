// HAProxy's PROXY protocol, versions 1 and 2: the address of a client behind a load balancer (proxy-protocol.txt 2.1, 2.2).
#pragma once

#include "core/sip/address.h"
#include "core/base/bytes.h"

namespace sluice {

constexpr size_t kMaxProxyHeader = 2048;  // version 2 with its extensions

enum class ProxyRead : uint8_t {
  more,    // may become a header
  header,  // complete: `size` octets
  absent,  // not a header
  broken,  // begins like a header but is not one
};

struct ProxyHeader {
  size_t size = 0;
  bool has_client = false;  // false: LOCAL or UNKNOWN, the balancer speaks for itself
  Address client;
  bool came_clear = false;  // the balancer says that the client did not speak TLS to it (PP2_TYPE_SSL)
};

ProxyRead read_proxy_header(Text octets, ProxyHeader& out) noexcept;

}  // namespace sluice
