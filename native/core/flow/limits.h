// The most that may be held. The configuration table in src/config has checked every value.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/flow/reservations.h"
#include "core/sip/scanner.h"

namespace sluice {

struct FlowLimits {
  ScanLimits scan;
  uint32_t max_flows = 100'000;            // connections of the process, plus as many UDP flows
  uint32_t max_flows_per_source = 1'000;   // of these, from one source
  uint32_t max_pending = 50'000;           // remembered requests of this shard
  ReservationLimits reservations;          // for the object path, of the process
  size_t max_buffer_bytes = 256u << 20;    // unfinished, unsent and remembered octets of this shard
  size_t max_queue = 256 * 1024;           // unsent octets for one client
  size_t max_core_queue = 8u << 20;        // unsent octets for one core connection
  uint32_t handshake_seconds = 5;          // for PROXY header, TLS and WebSocket together
  uint32_t first_message_seconds = 30;
  uint32_t message_seconds = 10;
  uint32_t idle_seconds = 3600;
  uint32_t pings_per_second = 10;
};

}  // namespace sluice
