// What strangers make a shard hold, within limits for the whole process. What the core side holds is the operator's own business.
#pragma once

#include <algorithm>

#include "core/flow/source_shares.h"
#include "core/shard/ground.h"

namespace sluice {

class Shares {
 public:
  explicit Shares(Ground& ground) noexcept : ground_(ground) {}

  // `any`: a load balancer, which stands for many; its clients are counted once it has named them.
  Grant take(Holding what, const Address& source, bool any = false) noexcept {
    const FlowLimits& limits = ground_.config.limits;
    return take_within({limits.max_flows, any ? UINT64_MAX : limits.max_flows_per_source}, what, source);
  }
  // A connection in the middle of a TLS or WebSocket handshake costs the most and has proved nothing yet: there are fewer places for these,
  // in total and per source.
  Grant take_handshake(const Address& source) noexcept {
    const FlowLimits& limits = ground_.config.limits;
    return take_within({most_handshakes(limits), std::max(limits.max_flows_per_source / 4, kLeastHandshakesOfSource)}, Holding::handshake, source);
  }
  static uint32_t most_handshakes(const FlowLimits& limits) noexcept { return std::max(limits.max_flows / 8, kLeastHandshakes); }
  void give_handshake(const Address& source) noexcept { ground_.commons.shares.give(Holding::handshake, source, 1); }
  // A flow that comes from another process keeps its place there.
  void take_over(const Flow& flow) noexcept {
    if (flow.flags & kFlow_core) return;
    ground_.commons.shares.take(flow.kind == FlowKind::udp ? Holding::udp_flow : Holding::connection, flow.remote, 1, ShareLimit());
  }
  void take_over_handshake(const Address& source) noexcept { ground_.commons.shares.take(Holding::handshake, source, 1, ShareLimit()); }
  // A flow that ends returns its place.
  void give(const Flow& flow) noexcept {
    if (flow.flags & kFlow_core) return;
    ground_.commons.shares.give(flow.kind == FlowKind::udp ? Holding::udp_flow : Holding::connection, flow.remote, 1);
  }
  void refused(Grant grant, Holding what, const Address& source) noexcept {
    ground_.alerts.add(grant == Grant::source_full ? Event::source_full : Event::all_full, source, static_cast<int32_t>(what));
  }

 private:
  static constexpr uint32_t kLeastHandshakes = 64;
  static constexpr uint32_t kLeastHandshakesOfSource = 16;

  Grant take_within(const ShareLimit& limit, Holding what, const Address& source) noexcept {
    const Grant grant = ground_.commons.shares.take(what, source, 1, limit);
    if (grant != Grant::given) refused(grant, what, source);
    return grant;
  }

  Ground& ground_;
};

}  // namespace sluice
