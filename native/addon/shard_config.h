// Reads a shard's configuration object; its shape is ShardConfig in src/native/binding.ts.
#pragma once

#include <napi.h>

#include "core/relay/edge_config.h"
#include "core/flow/flow_token.h"
#include "core/shard/shard.h"
#include "core/transport/listener_sockets.h"
#include "core/relay/upstream_set.h"

namespace sluice {

// Any unknown name means "udp".
Transport read_transport(const Napi::Value& from);
std::vector<ListenerSockets::Place> read_places(const Napi::Array& listeners);
// The name that read_transport() accepts: "udp", "tcp" and so on.
const char* transport_name(Transport transport);
std::vector<std::string> read_texts(const Napi::Array& from);
EdgeConfig read_edge_config(const Napi::Object& from);
FlowLimits read_limits(const Napi::Object& from);
std::vector<BannedNet> read_bans(const Napi::Array& from);
std::vector<TapFilter> read_tap(const Napi::Array& from);
FlowFilter read_flow_filter(const Napi::Object& from);
KeyRing read_keys(const Napi::Array& from, uint8_t node);
std::vector<TrustedNet> read_trusted(const Napi::Array& from);
UpstreamSet read_upstreams(const Napi::Array& from);

}  // namespace sluice
