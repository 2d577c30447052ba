// Time: the tick, the deadlines of flows, and the supervision of keep-alives (RFC 5626 5.4).
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <random>

#include "core/shard/wheels.h"

namespace sluice {
namespace {

constexpr uint32_t kUdpMemorySeconds = 2 * 3600;  // how long an unsupervised or dead UDP flow is remembered
constexpr size_t kExpiriesPerTick = 2048;
constexpr uint32_t kPauseTicks = 20;              // a second in which no tick came
constexpr uint32_t kPatienceTicks = 40;
constexpr uint32_t kPongSeconds = 10;             // how long a pinged WebSocket client may stay silent

}  // namespace

Shard::Shard(EdgeConfig config, KeyRing keys, int32_t* records, int32_t* verdicts, int64_t* counters, std::vector<Ring*> rings,
             std::vector<int> wakes, std::vector<int> sockets) noexcept
    : config_(std::move(config)),
      keys_(keys),
      counters_(counters),
      rings_(std::move(rings)),
      wakes_(std::move(wakes)),
      pool_(config_.limits.max_buffer_bytes),
      flows_(config_.limits, config_.table_key, std::random_device{}()),
      pending_(config_.table_key, config_.limits.max_pending),
      streams_(config_.limits, flows_, pool_, counters_),
      sockets_(std::move(sockets)),
      datagrams_(config_.listeners.size()),
      items_(k_batch_size),
      records_(records),
      verdicts_(verdicts),
      datagram_arena_(new char[k_batch_size * kDatagramStride]),
      stream_arena_(new char[kStreamArena]),
      scratch_(new char[kScratch]),
      spare_(std::make_unique<Message>()) {
  read_clock();
  wheels_ = std::make_unique<Wheels>(flows_, pending_, now_tick_);
}

Shard::~Shard() noexcept {
  for (uint32_t slot = 1; slot < flows_.slots(); ++slot) {
    const Flow& flow = flows_.at(slot);
    if (flow.fd < 0 || flow.state == FlowState::free_slot) continue;
    if (flow.layer != nullptr) drop_layer(slot);
    close(flow.fd);
  }
  if (timer_ >= 0) close(timer_);
  if (epoll_ >= 0) close(epoll_);
}

void Shard::read_clock() noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  now_tick_ = static_cast<uint32_t>((static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000) / kTickMs);
  birth_ = static_cast<uint32_t>(time(nullptr) / 16) & 0xFFFFFF;
}

void Shard::tick() noexcept {
  const uint32_t before = now_tick_;
  read_clock();
  // Nothing was read while the process stood still (SIGSTOP, a machine that moved): what lies in the sockets is read before anybody is judged.
  if (now_tick_ - before >= kPauseTicks) patience_until_ = now_tick_ + kPatienceTicks;
  wheels_->flows.advance(now_tick_, kExpiriesPerTick, [this](uint32_t slot) { flow_due(slot); });
  wheels_->pending.advance(now_tick_, kExpiriesPerTick, [this](uint32_t index) { pending_due(index); });
  if (accept_pause_until_ != 0 && static_cast<int32_t>(now_tick_ - accept_pause_until_) >= 0) {
    accept_pause_until_ = 0;
    listen_again();
  }
  probe_upstreams();
}

void Shard::yield_turn() noexcept {
  const uint64_t one = 1;
  size_t size = 0;
  if (!resumes_.empty() || rings_[config_.shard]->front(size) != nullptr) {
    if (write(wakes_[config_.shard], &one, sizeof one) < 0) return;  // the counter is full: readable all the same
  }
  event_at_ = event_count_ = 0;  // level-triggered: what was not looked at is reported again
}

// Seconds of silence behind which a WebSocket client is pinged: so soon that its pong comes before the supervision ends.
uint32_t Shard::ping_after(const Flow& flow) const noexcept {
  return flow.supervise == 0 ? config_.ws_ping_seconds : std::min(config_.ws_ping_seconds, std::max(flow.supervise / 2u, 1u));
}

void Shard::arm_flow(uint32_t slot) noexcept {
  Flow& flow = flows_.at(slot);
  const uint32_t per_second = 1000 / kTickMs;
  uint32_t wait = 0;
  const auto at_most = [&](uint32_t other) { wait = wait == 0 ? other : std::min(wait, other); };
  const uint32_t idle = now_tick_ - flow.last_seen;
  const auto after_silence = [&](uint32_t seconds) {
    const uint32_t due = seconds * per_second;
    at_most(due > idle ? due - idle : 1);
  };
  if (flow.supervise != 0 && (flow.flags & kFlow_dead) == 0) after_silence(flow.supervise);
  if (flow.kind == FlowKind::udp) {
    if (wait == 0) after_silence(kUdpMemorySeconds);
  } else if ((flow.flags & kFlow_core) == 0) {
    if (wait == 0) after_silence(config_.limits.idle_seconds);
    const bool pings = flow.layer != nullptr && flow.layer->is_websocket && config_.ws_ping_seconds != 0 && (flow.marks & kMark_partial) == 0;
    // A browser cannot ping; its pong is the life sign (RFC 7118 6).
    if (pings && is_ready(flow)) after_silence(ping_after(flow) + (flow.layer->pinged ? kPongSeconds : 0));
    if ((flow.marks & kMark_spoke) == 0) at_most(config_.limits.first_message_seconds * per_second);
  }
  if (!is_ready(flow)) {
    const uint32_t due = flow.birth + config_.limits.handshake_seconds * per_second;
    at_most(static_cast<int32_t>(due - now_tick_) > 0 ? due - now_tick_ : 1);
  }
  if (flow.marks & kMark_partial) at_most(config_.limits.message_seconds * per_second);
  if (wait == 0) wheels_->flows.cancel(slot);
  else wheels_->flows.arm(slot, wait);
}

// Whether a life sign of a flow may have come already, though it was not read yet.
bool Shard::may_be_unread(const Flow& flow) const noexcept {
  if (patience_until_ != 0 && static_cast<int32_t>(patience_until_ - now_tick_) > 0) return true;
  char octet = 0;
  return flow.kind == FlowKind::stream && flow.fd >= 0 && recv(flow.fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void Shard::flow_due(uint32_t slot) noexcept {
  Flow& flow = flows_.at(slot);
  const uint32_t per_second = 1000 / kTickMs;
  const uint32_t idle = now_tick_ - flow.last_seen;
  const bool silent = flow.supervise != 0 && (flow.flags & kFlow_dead) == 0 && idle >= flow.supervise * per_second;
  if ((silent || idle >= config_.limits.idle_seconds * per_second) && may_be_unread(flow)) return wheels_->flows.arm(slot, per_second);
  if (flow.kind == FlowKind::udp) {
    if (silent) {
      counters_.add(Counter::flows_expired);
      udp_flow_died(slot, Counter::flows_expired);
    } else if (idle >= kUdpMemorySeconds * per_second && flow.pending == 0) {
      counters_.add(Counter::udp_flows, -1);
      notes_.drop(slot);
      flows_.release(slot);
      return;
    }
    return arm_flow(slot);
  }
  if (flow.state == FlowState::connecting || (flow.marks & kMark_peer_closed)) return close_flow(slot, Counter::flows_closed);
  if (flow.marks & kMark_partial) return close_flow(slot, Counter::flows_faulty);
  if (!is_ready(flow) && now_tick_ - flow.birth >= config_.limits.handshake_seconds * per_second) return close_flow(slot, Counter::flows_faulty);
  if (silent) return close_flow(slot, Counter::flows_expired);
  if ((flow.flags & kFlow_core) == 0) {
    if ((flow.marks & kMark_spoke) == 0 && now_tick_ - flow.birth >= config_.limits.first_message_seconds * per_second)
      return close_flow(slot, Counter::flows_faulty);
    if (idle >= config_.limits.idle_seconds * per_second) return close_flow(slot, Counter::flows_expired);
    if (flow.layer != nullptr && flow.layer->is_websocket && is_ready(flow) && config_.ws_ping_seconds != 0) {
      if (flow.layer->pinged && idle >= (ping_after(flow) + kPongSeconds) * per_second) return close_flow(slot, Counter::flows_expired);
      if (!flow.layer->pinged && idle >= ping_after(flow) * per_second) ping_websocket(slot);
    }
  }
  arm_flow(slot);
}

void Shard::supervise(uint32_t slot, uint32_t seconds) noexcept {
  Flow& flow = flows_.at(slot);
  flow.supervise = static_cast<uint16_t>(std::min<uint32_t>(seconds, 0xFFFF));
  if (seconds != 0) flow.flags |= kFlow_supervised;
  else flow.flags &= static_cast<uint8_t>(~kFlow_supervised);
  arm_flow(slot);
}

uint32_t Shard::remember_udp_flow(const Address& remote, uint16_t listener, uint32_t birth) noexcept {
  uint32_t slot = flows_.find_udp(remote, listener);
  if (slot != 0) return slot;
  slot = flows_.open(FlowKind::udp, remote, listener);
  if (slot == 0) return 0;
  Flow& flow = flows_.at(slot);
  Source source;
  source.remote = remote;
  source.listener = listener;
  flow.birth = birth != 0 ? birth : name_of_source(source, false).birth;
  flow.last_seen = now_tick_;
  counters_.add(Counter::udp_flows);
  arm_flow(slot);
  return slot;
}

void Shard::udp_flow_died(uint32_t slot, Counter why) noexcept {
  Flow& flow = flows_.at(slot);
  if (config_.notes && (flow.flags & kFlow_dead) == 0) notes_.ended(slot, flow, why, now_tick_);
  notes_.drop(slot);
  flow.flags |= kFlow_dead;
  flow.died = birth_now();
  flow_is_gone(slot);
}

void Shard::arm_pending(uint32_t index, uint32_t wait) noexcept { wheels_->pending.arm(index, wait); }

void Shard::disarm_pending(uint32_t index) noexcept { wheels_->pending.cancel(index); }

}  // namespace sluice
