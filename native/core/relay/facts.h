// Turns a scanned message into the numbers that the policy decides by.
#pragma once

#include "core/relay/edge_config.h"
#include "core/flow/flow_commons.h"
#include "core/flow/flow_table.h"
#include "core/base/layout.h"
#include "core/sip/message.h"
#include "core/relay/source.h"
#include "core/relay/upstream_set.h"
#include "core/sip/uri.h"
#include "core/sip/via.h"
#include "core/relay/via_branch.h"

namespace sluice {

// One of our own URIs at the head of the Route set.
struct OwnRoute {
  RouteKind kind = RouteKind::plain;
  FlowName flow;
};
// Whether its token is authentic.
constexpr bool has_flow(const OwnRoute& route) noexcept { return route.kind == RouteKind::alive || route.kind == RouteKind::gone || route.kind == RouteKind::elsewhere; }

// Another server, and how it is reached.
struct Neighbour {
  Transport transport = Transport::udp;
  Address address;
};

// What the numbers were read from, kept to carry out the verdict; reset for each message.
struct PlainFacts {
  Via top_via;
  Text next_route_uri;    // the first Route value that is not ours
  bool next_is_strict = false;
  bool is_sips = false;   // the Request-URI or next Route is SIPS: TLS only (RFC 5630 3.1, RFC 3261 16.6 step 4)
  Address hop;            // for Hop::trusted: where the next Route or the Request-URI points
  Transport hop_transport = Transport::udp;
  bool has_neighbour = false;
  Neighbour neighbour;       // named by our own Record-Route
  SipHasher hash{SipKey{}};  // request_hash() of a valid request
  uint32_t loop_hash = 0;
  ReturnPath back;           // of a response
};

// The same with our own Routes. Only what was written and counted is ever read, because resetting all of it would cost more
// than most messages need.
struct Facts : PlainFacts {
  OwnRoute routes[k_max_own_routes];

  void clear() noexcept { static_cast<PlainFacts&>(*this) = PlainFacts{}; }
};

// What the facts are checked against; all from one shard.
struct Surroundings {
  const EdgeConfig& config;
  const KeyRing& keys;
  const UpstreamSet& upstreams;
  FlowTable& flows;
  FlowCommons& commons;   // of the process
  uint32_t birth_now;     // the current birth unit, for the age of UDP tokens
};

// Whether the flow of an authentic token is `alive` or `gone`, as far as this shard can tell.
RouteKind judge_flow(const Surroundings& around, const FlowName& flow) noexcept;

// Whether a request that is leaving goes to another node of the farm: the token of its first Route value is that node's.
bool leads_to_node(const EdgeConfig& config, const KeyRing& keys, const Message& message) noexcept;

// Fills in `record` (record_fields numbers) and `facts` for a request.
void read_request_facts(const Surroundings& around, const Message& message, const Source& source, Facts& facts, int32_t* record) noexcept;

// The same for a response whose return path has already been read.
void read_response_facts(const Message& message, const Source& source, const Facts& facts, int32_t* record) noexcept;

}  // namespace sluice
