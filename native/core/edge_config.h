// What a shard is told once at its start. Everything in it was checked by the configuration table in src/config.
#pragma once

#include <string>
#include <vector>

#include "address.h"
#include "flow_token.h"
#include "scanner.h"
#include "siphash.h"

namespace sluice {

enum class Transport : uint8_t { udp, tcp };

inline Text transport_text(Transport transport) noexcept { return transport == Transport::udp ? "UDP" : "TCP"; }

// Who is behind a listener: its own side, or on a shared listener whatever the source's address says.
enum class Facing : uint8_t { client, core, both };

struct Listener {
  Transport transport = Transport::udp;
  Facing facing = Facing::both;
  Address bound;
  std::string sent_by;  // "HOST" or "HOST:PORT" as Via, Path and Record-Route show it: the advertised name or the bound address
};

// A network whose senders are trusted, on one port or on any (0).
struct TrustedNet {
  Address base;
  uint8_t prefix = 128;  // of the 128-bit form: an IPv4 /8 is 104
  bool holds(const Address& address) const noexcept;
};

struct EdgeLimits {
  ScanLimits scan;
  uint32_t max_flows = 100'000;            // of this shard
  uint32_t max_flows_per_source = 1'000;   // connections from one address, of this shard
  uint32_t max_pending = 50'000;           // remembered requests, of this shard
  size_t max_buffer_bytes = 256u << 20;    // unfinished, unsent and remembered octets, of this shard
  size_t max_queue = 256 * 1024;           // unsent octets for one client
  size_t max_core_queue = 8u << 20;        // unsent octets for one core connection
  uint32_t first_message_seconds = 30;
  uint32_t message_seconds = 10;
  uint32_t idle_seconds = 3600;
  uint32_t pings_per_second = 10;
};

struct EdgeConfig {
  uint8_t shard = 0;
  uint8_t shards = 1;
  uint16_t boot = 0;  // random at each start of the process
  SipKey table_key;   // hashes tables that strangers fill
  SipKey branch_key;  // signs our Via branch; made from the first flow key, so answers outlive a restart
  std::vector<Listener> listeners;
  std::vector<Address> aliases;          // every address and port that is us
  std::vector<std::string> names;        // host names that are us, on any port of ours
  std::vector<TrustedNet> trusted;
  EdgeLimits limits;
  bool home = false;                 // registrar or standalone: there is an object path
  bool force_rport = false;          // answer a UDP client at its source port though it did not ask for that (RFC 3581)
  uint32_t t1_ms = 500;              // RFC 3261 17.1.1.1
  uint32_t branch_seconds = 32;      // 64 * T1
  uint32_t flow_timer = 0;           // seconds, 0: off
  uint32_t flow_grace = 5;           // seconds behind Flow-Timer (RFC 5626 5.4)
  uint32_t probe_seconds = 10;
  uint32_t udp_token_seconds = 30 * 86400;
  bool notes = true;  // remember the AORs of flows and how flows ended, for the operator
};

}  // namespace sluice
