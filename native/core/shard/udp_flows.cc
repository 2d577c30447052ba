#include "core/shard/udp_flows.h"

#include "core/flow/birth.h"

namespace sluice {

uint32_t UdpFlows::birth_today() const noexcept {
  // A flow about which we remember nothing gets one name per day: it survives a restart, and its age limits the life of the token.
  constexpr uint32_t kDay = 86'400 / kBirthSeconds;
  return ground_.clock.birth() / kDay * kDay;
}

FlowName UdpFlows::name_of(const Source& source, bool renew) noexcept {
  FlowName name = name_of_flow(ground_.config, source);
  if (source.kind == FlowKind::stream) return name;
  const uint32_t today = birth_today();
  name.birth = today;
  Flow* flow = source.shard == ground_.config.shard ? ground_.flows.open_at(source.slot) : nullptr;
  if (flow == nullptr || flow->kind != FlowKind::udp || !(flow->remote == source.remote)) return name;
  const uint32_t now = ground_.clock.birth();
  if (renew && (flow->flags & kFlow_dead)) {
    // A dead flow is reborn; tokens of its earlier life stay dead (RFC 5626 4.5).
    flow->flags = 0;
    flow->supervise = 0;
    flow->birth = is_later(now, flow->died) ? now : birth_after(flow->died);
  } else if (is_later(today, flow->birth) && birth_age(flow->birth, today) > ground_.config.udp_token_seconds / 2) {
    flow->birth = today;
  }
  name.birth = flow->birth;
  return name;
}

Source UdpFlows::source_of(const Address& remote, uint16_t listener) noexcept {
  Source source;
  source.remote = remote;
  source.listener = listener;
  source.shard = ground_.config.shard;
  source.slot = ground_.flows.find_udp(remote, listener);
  return source;
}

UdpFlows::~UdpFlows() noexcept {
  for (uint32_t slot = 1; slot < ground_.flows.slots(); ++slot) {
    const Flow* flow = ground_.flows.open_at(slot);
    if (flow != nullptr && flow->kind == FlowKind::udp) shares_.give(*flow);
  }
}

// A forgotten flow still works: its token contains everything needed to reach it (RFC 5626 5.2).
bool UdpFlows::make_room(const Address& remote, bool registers) noexcept {
  const Grant grant = shares_.take(Holding::udp_flow, remote);
  if (grant == Grant::given) return true;
  const SourceKey source(remote);
  const uint32_t oldest = ages_.choose(ground_.flows, grant == Grant::source_full ? &source : nullptr, registers, ground_.clock.tick());
  if (oldest != 0) {
    ground_.counters.add(Counter::udp_flows_evicted);
    forget(oldest);
    if (shares_.take(Holding::udp_flow, remote) == Grant::given) return true;
  }
  ground_.counters.add(Counter::udp_flows_refused);
  return false;
}

uint32_t UdpFlows::remember(const Address& remote, uint16_t listener, uint32_t birth, bool registers) noexcept {
  uint32_t slot = ground_.flows.find_udp(remote, listener);
  if (slot != 0) return slot;
  if (!make_room(remote, registers)) return 0;
  slot = ground_.flows.open(FlowKind::udp, remote, listener);
  Flow& flow = ground_.flows.at(slot);
  ages_.add(slot, flow.generation);
  flow.birth = birth != 0 ? birth : birth_today();
  flow.last_seen = ground_.clock.tick();
  if (registers) flow.messages = 1;  // its REGISTER, which came when the flow was unknown
  ground_.counters.add(Counter::udp_flows);
  timers_.arm(slot);
  return slot;
}

void UdpFlows::came(uint32_t slot) noexcept {
  shares_.take_over(ground_.flows.at(slot));
  ground_.counters.add(Counter::udp_flows);
}

void UdpFlows::revived(uint32_t slot) noexcept {
  came(slot);
  ages_.add(slot, ground_.flows.at(slot).generation);
}

void UdpFlows::died(uint32_t slot, Counter why) noexcept {
  Flow& flow = ground_.flows.at(slot);
  ends_.note(slot, why);
  flow.flags |= kFlow_dead;
  flow.marks |= kMark_died;
  flow.died = ground_.clock.birth();
  ends_.gone(slot);
}

void UdpFlows::forget(uint32_t slot) noexcept {
  ground_.counters.add(Counter::udp_flows, -1);
  ends_.notes().drop(slot);
  timers_.cancel(slot);
  shares_.give(ground_.flows.at(slot));
  ground_.flows.release(slot);
}

}  // namespace sluice
