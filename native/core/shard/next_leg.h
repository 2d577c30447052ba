// Where a request leaves for, decided once for its Via, its Record-Route and its sending.
#pragma once

#include "core/shard/shard.h"

namespace sluice {

struct Shard::NextLeg {
  NextHop next;
  Transport transport = Transport::udp;
  uint16_t listener = 0;        // whose name stands in our Via
  uint32_t slot = 0;            // stream: connection; UDP to a client: remembered flow
  Address to;                   // UDP
  FlowName client_flow;         // the client's end of this request: source of an outgoing, target of an incoming one
  uint16_t client_listener = 0;
  uint16_t core_listener = 0;
};

}  // namespace sluice
