// What may be held at most. Everything in it was checked by the configuration table in src/config.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/flow/reservations.h"
#include "core/sip/scanner.h"

namespace sluice {

struct FlowLimits {
  ScanLimits scan;
  uint32_t max_flows = 100'000;            // connections, and as many UDP flows besides, of the process
  uint32_t max_flows_per_source = 1'000;   // of these, of one source
  uint32_t max_pending = 50'000;           // remembered requests, of this shard
  ReservationLimits reservations;          // of the object path, of the process
  size_t max_buffer_bytes = 256u << 20;    // unfinished, unsent and remembered octets, of this shard
  size_t max_queue = 256 * 1024;           // unsent octets for one client
  size_t max_core_queue = 8u << 20;        // unsent octets for one core connection
  uint32_t handshake_seconds = 5;          // for PROXY header, TLS and WebSocket together
  uint32_t first_message_seconds = 30;
  uint32_t message_seconds = 10;
  uint32_t idle_seconds = 3600;
  uint32_t pings_per_second = 10;
};

}  // namespace sluice
