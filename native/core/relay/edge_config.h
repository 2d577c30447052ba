// The settings a shard starts with. The configuration table in src/config has checked every value.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "core/sip/address.h"
#include "core/flow/flow_token.h"
#include "core/flow/limits.h"
#include "core/crypto/siphash.h"
#include "core/transport/transport.h"
#include "core/transport/websocket_handshake.h"

namespace sluice {

// Whether connections to a listener begin with a PROXY header.
enum class ProxyRule : uint8_t { never, accept, require };

// Which side a listener serves; on a shared listener, the source's address decides.
enum class Facing : uint8_t { client, core, both };

struct Listener {
  Transport transport = Transport::udp;  // what clients speak and our URIs name
  bool ends_tls = true;                  // false: for this secure transport, a balancer in front of us terminates TLS
  Facing facing = Facing::both;
  ProxyRule proxy = ProxyRule::never;
  Address bound;
  std::string sent_by;  // "HOST" or "HOST:PORT" for Via, Path and Record-Route: the advertised name or the bound address
  // What appears in messages, ready to be copied; write_texts() derives it from the members above.
  std::array<std::string, 5> via_start;  // for each transport we send over: "Via: SIP/2.0/UDP HOST;rport;branch="
  std::string uri_end;                   // "HOST;transport=tcp"
  std::string route_end;                 // "@HOST;transport=tcp;lr"
  std::string sips_route_end;            // the same in a SIPS URI, which implies TLS (RFC 5630 3.1.3)
  void write_texts() {
    for (size_t i = 0; i < via_start.size(); ++i) {
      const Transport transport = static_cast<Transport>(i);
      via_start[i] = "Via: SIP/2.0/";
      via_start[i].append(transport_text(transport)).append(" ").append(sent_by).append(is_stream(transport) ? ";branch=" : ";rport;branch=");
    }
    uri_end = sent_by;
    uri_end.append(transport_param(transport));
    route_end.assign("@").append(uri_end).append(";lr");
    sips_route_end.assign("@").append(transport == Transport::tls ? sent_by : uri_end).append(";lr");
  }
};

// A network whose senders are trusted, on one port or on any (0).
struct TrustedNet {
  Address base;
  uint8_t prefix = 128;  // in the 128-bit form: an IPv4 /8 is 104
  bool holds(const Address& address) const noexcept;
};

// A separate key for each hash in our branches, so that none reveals anything about another. All derive from one secret, which derives
// from the first flow key, so responses still find their way after a restart.
struct BranchKeys {
  BranchKeys() noexcept = default;
  // The nodes of a farm share the secret. Each has its own Vias and its own loops all the same, or what passes two of them looks like one.
  explicit BranchKeys(const SipKey& secret, uint8_t node = 0) noexcept
      : via(of_node(derive(secret, "via branch"), node)),
        object(of_node(derive(secret, "object branch"), node)),
        request(of_node(derive(secret, "request"), node)),
        target(derive(secret, "target")),
        neighbour(derive(secret, "neighbour")),
        answer(derive(secret, "answer")) {}

  SipKey via;      // signs the branch of a relayed request
  SipKey object;   // signs the branch of a request of the object path
  SipKey request;  // hashes transactions and loops
  SipKey target;   // spreads calls over the upstreams
  SipKey neighbour;  // signs the neighbour of a dialog, see neighbour.h
  SipKey answer;     // hashes the To tags of stateless responses

 private:
  static SipKey of_node(const SipKey& key, uint8_t node) noexcept {
    const char purpose[] = {static_cast<char>(node)};
    return node == 0 ? key : derive(key, std::string_view(purpose, sizeof purpose));
  }
};

// An address and port of ours, and how messages write the address.
struct Alias {
  Alias(const Address& of) : address(of) {
    char ip[kMaxIpText];
    host.assign(ip, format_ip(of, ip));
    if (!of.is_v4()) host.insert(0, "[").append("]");
  }
  Address address;
  std::string host;
};

struct EdgeConfig {
  uint8_t node = 0;   // of the farm, below 128
  uint8_t shard = 0;
  uint8_t shards = 1;
  uint16_t boot = 0;  // random at each start of the process
  SipKey table_key;   // hashes tables that strangers fill
  BranchKeys branch_keys;
  std::vector<Listener> listeners;
  std::vector<Alias> aliases;            // every address and port that belongs to us
  std::vector<std::string> realms;       // ours: credentials for them go no further; empty on an edge
  std::vector<std::string> names;        // host names that belong to us, on any of our ports
  std::vector<TrustedNet> trusted;
  std::vector<TrustedNet> proxies;       // whose PROXY headers we believe
  UpgradeRules upgrades;
  uint32_t ws_ping_seconds = 30;         // ping a WebSocket client after this much silence; 0: never
  FlowLimits limits;
  bool home = false;                 // registrar or standalone: has an object path
  bool force_rport = false;          // answer a UDP client at its source port even if it did not ask for that (RFC 3581)
  uint32_t t1_ms = 500;              // RFC 3261 17.1.1.1
  uint32_t branch_seconds = 32;      // 64 * T1
  uint32_t flow_timer = 0;           // seconds, 0: off
  uint32_t flow_grace = 5;           // seconds in addition to Flow-Timer (RFC 5626 5.4)
  uint32_t probe_seconds = 10;
  uint32_t udp_token_seconds = 30 * 86400;
  bool notes = true;  // remember the AORs of flows and how flows ended, for the operator
};

// True if host and port are an address or a name of ours (DET-16); `port` 0 means the scheme's default.
bool is_own_host(const EdgeConfig& config, Text host, uint16_t port) noexcept;
// The same. If they are not ours, `is_ip` tells whether `host` is an IP address, which is then in `address`, with this port.
bool is_own_host(const EdgeConfig& config, Text host, uint16_t port, Address& address, bool& is_ip) noexcept;

bool is_in(const std::vector<TrustedNet>& nets, const Address& address) noexcept;

// Whether `address` counts as core on a shared listener.
bool is_trusted(const EdgeConfig& config, const Address& address) noexcept;

// The listener bound to an address, -1: none.
int find_listener(const EdgeConfig& config, Transport transport, const Address& bound) noexcept;

}  // namespace sluice
