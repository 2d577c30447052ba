// An OPTIONS of our own, which any SIP element answers: whether an upstream is alive, whether a client hears us.
#pragma once

#include "core/relay/via_branch.h"

namespace sluice {

struct Probe {
  Text kind;            // in its Call-ID
  uint32_t target = 0;  // number of the upstream
  uint32_t count = 0;   // different in each
  uint16_t listener = 0;
  Transport transport = Transport::udp;
  Address to;
  NextHop next;  // who may answer
};

void write_probe(const EdgeConfig& config, const Probe& probe, Writer& out) noexcept;

}  // namespace sluice
