// The PROXY protocol of HAProxy, versions 1 and 2: who the client behind a load balancer is (proxy-protocol.txt 2.1, 2.2).
#pragma once

#include "core/sip/address.h"
#include "core/base/bytes.h"

namespace sluice {

constexpr size_t kMaxProxyHeader = 2048;  // version 2 with its extensions

enum class ProxyRead : uint8_t {
  more,    // may become a header
  header,  // whole: `size` octets
  absent,  // these octets are none
  broken,  // they began as one and are none
};

struct ProxyHeader {
  size_t size = 0;
  bool has_client = false;  // false: LOCAL or UNKNOWN, the balancer speaks for itself
  Address client;
  bool came_clear = false;  // the balancer says that the client did not speak TLS to it (PP2_TYPE_SSL)
};

ProxyRead read_proxy_header(Text octets, ProxyHeader& out) noexcept;

}  // namespace sluice
