#include "core/shard/flow_timers.h"

#include <sys/socket.h>

#include <algorithm>

namespace sluice {
namespace {

constexpr uint32_t kPauseTicks = 20;  // a second without a tick
constexpr uint32_t kPatienceTicks = 40;

uint32_t udp_memory(const Flow& flow) noexcept { return flow.flags & (kFlow_outbound | kFlow_registered) ? kUdpMemorySeconds : kPassingSeconds; }

}  // namespace

// While the process stood still (SIGSTOP, a migrating machine), nothing was read: read what is in the sockets before judging anyone.
void FlowTimers::look_at_clock() noexcept {
  const uint32_t now = ground_.clock.tick();
  if (now - last_tick_ >= kPauseTicks) patience_until_ = now + kPatienceTicks;
  last_tick_ = now;
}

bool FlowTimers::may_be_unread(const Flow& flow) const noexcept {
  if (!ground_.clock.reached(patience_until_)) return true;
  char octet = 0;
  return flow.kind == FlowKind::stream && flow.fd >= 0 && recv(flow.fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

// Seconds of silence after which to ping a WebSocket client: early enough for its pong to arrive before supervision expires.
uint32_t FlowTimers::ping_after(const Flow& flow) const noexcept {
  const uint32_t usual = ground_.config.ws_ping_seconds;
  return flow.supervise == 0 ? usual : std::min(usual, std::max(flow.supervise / 2u, 1u));
}

// A browser cannot ping; its pong is the sign of life (RFC 7118 6).
bool FlowTimers::pings(const Flow& flow) const noexcept {
  return flow.stream.layer != nullptr && flow.stream.layer->is_websocket && is_ready(flow) && ground_.config.ws_ping_seconds != 0;
}

uint32_t FlowTimers::deadline(uint32_t slot) const noexcept {
  const Flow& flow = ground_.flows.at(slot);
  const FlowLimits& limits = ground_.config.limits;
  const uint32_t now = ground_.clock.tick();
  uint32_t wait = 0;
  const auto at_most = [&](uint32_t other) { wait = wait == 0 ? other : std::min(wait, other); };
  const uint32_t idle = now - flow.last_seen;
  const auto after_silence = [&](uint32_t seconds) {
    const uint32_t due = seconds * Clock::kTicksPerSecond;
    at_most(due > idle ? due - idle : 1);
  };
  if (flow.supervise != 0 && (flow.flags & kFlow_dead) == 0) after_silence(flow.supervise);
  if (flow.kind == FlowKind::udp) {
    if (wait == 0) after_silence(udp_memory(flow));
    return wait;
  }
  if ((flow.flags & kFlow_core) == 0) {
    if (wait == 0) after_silence(limits.idle_seconds);
    if (pings(flow) && !is_partial(flow)) after_silence(ping_after(flow) + (flow.stream.layer->pinged ? kPongSeconds : 0));
    if ((flow.marks & kMark_spoke) == 0) at_most(limits.first_message_seconds * Clock::kTicksPerSecond);
  }
  if (!is_ready(flow)) {
    const uint32_t due = flow.birth + limits.handshake_seconds * Clock::kTicksPerSecond;
    at_most(static_cast<int32_t>(due - now) > 0 ? due - now : 1);
  }
  if (is_partial(flow)) at_most(limits.message_seconds * Clock::kTicksPerSecond);
  return wait;
}

void FlowTimers::arm(uint32_t slot) noexcept {
  const uint32_t wait = deadline(slot);
  if (wait == 0) wheel_.cancel(slot);
  else wheel_.arm(slot, wait);
}

Missed FlowTimers::missed(const Flow& flow) const noexcept {
  const FlowLimits& limits = ground_.config.limits;
  const uint32_t now = ground_.clock.tick();
  const auto silent_for = [&](uint32_t seconds) { return now - flow.last_seen >= seconds * Clock::kTicksPerSecond; };
  const auto open_for = [&](uint32_t seconds) { return now - flow.birth >= seconds * Clock::kTicksPerSecond; };
  const bool dead = flow.supervise != 0 && (flow.flags & kFlow_dead) == 0 && silent_for(flow.supervise);
  if ((dead || silent_for(limits.idle_seconds)) && may_be_unread(flow)) return Missed::may_have_spoken;
  if (flow.kind == FlowKind::udp) {
    if (dead) return Missed::life_sign;
    return silent_for(udp_memory(flow)) && flow.pending == 0 ? Missed::idle : Missed::nothing;
  }
  if (flow.state == FlowState::connecting || (flow.marks & kMark_peer_closed)) return Missed::connecting;
  if (flow.stream.layer != nullptr && flow.stream.layer->awaits_turn) return Missed::may_have_spoken;  // it waits for us
  if (is_partial(flow)) return Missed::message;
  if (!is_ready(flow) && open_for(limits.handshake_seconds)) return may_be_unread(flow) ? Missed::may_have_spoken : Missed::handshake;
  if (dead) return Missed::life_sign;
  if (flow.flags & kFlow_core) return Missed::nothing;
  if ((flow.marks & kMark_spoke) == 0 && open_for(limits.first_message_seconds)) return Missed::handshake;
  if (silent_for(limits.idle_seconds)) return Missed::idle;
  if (!pings(flow)) return Missed::nothing;
  if (flow.stream.layer->pinged) return silent_for(ping_after(flow) + kPongSeconds) ? Missed::life_sign : Missed::nothing;
  return silent_for(ping_after(flow)) ? Missed::pong_wanted : Missed::nothing;
}

void FlowTimers::supervise(uint32_t slot, uint32_t seconds) noexcept {
  Flow& flow = ground_.flows.at(slot);
  flow.supervise = static_cast<uint16_t>(std::min<uint32_t>(seconds, UINT16_MAX));
  if (seconds != 0) flow.flags |= kFlow_supervised;
  else flow.flags &= static_cast<uint8_t>(~kFlow_supervised);
  const uint32_t wait = deadline(slot);
  if (wait == 0) wheel_.cancel(slot);
  else wheel_.arm_by(slot, wait);
}

}  // namespace sluice
