// What a shard waits for, and what it reads in a turn.
#include <poll.h>

#include <algorithm>

#include "core/base/now_ns.h"
#include "core/shard/shard.h"
#include "core/transport/plain_calls.h"

namespace sluice {
namespace {

constexpr unsigned kTurnsWithoutPolicy = 32;
// No handshake begins after this, and reading stops after twice as much, and the rest waits for the next turn: a thousand connections that begin or end.
constexpr uint64_t kReadingNs = 1'000'000;
constexpr int kEventsBetweenLooks = 16;
constexpr uint64_t kTickNs = Clock::kTickMs * kMs;
// Of ticks, below what FlowTimers takes for a pause of the process.
constexpr uint32_t kMostQuiet = 16;

}  // namespace

bool Shard::has_work() noexcept { return streams_.has_more() || !ground_.closing.empty() || !crossing_.empty() || !object_events_.empty() || proxying_.has_events(); }

// The tick goes first: after a pause of the process, what waited in the sockets counts as seen now, not before the pause.
uint64_t Shard::poll(int timeout) noexcept {
  event_count_ = std::max(0, plain::epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), timeout));
  event_at_ = 0;
  // With many connections, what is known about them is in no cache.
  for (int i = 0; i < event_count_; ++i) {
    const FlowHandle handle = FlowHandle::of(events_[static_cast<size_t>(i)].data.u64);
    if (handle.generation != 0) ground_.flows.fetch(handle.slot);
  }
  streams_.fetch(events_.data(), static_cast<unsigned>(event_count_));
  return read_clock();
}

uint64_t Shard::read_clock() noexcept {
  const uint64_t now = turn_clock_.read();
  if (now - ticked_ >= kTickNs) {
    ticked_ = now;
    tick_due_ = true;
  }
  return now;
}

// Ticks that may pass before the next one.
uint32_t Shard::quiet_for() const noexcept {
  if (listeners_.is_paused() || object_events_.has_unsent() || !relay_.is_at_rest()) return 1;
  return std::min({kMostQuiet, timers_.quiet_for(), remembered_.quiet_for(), proxying_.quiet_for(), upstreams_.quiet_for()});
}

// At most `timeout` ms, and no longer than until something is due; as of epoll_wait(), which an alarm ends.
int Shard::nap(int timeout, uint64_t now) noexcept {
  if (timeout == 0 || has_work()) return 0;
  uint64_t due = ticked_ + quiet_for() * kTickNs;
  if (timeout > 0) due = std::min(due, now + static_cast<uint64_t>(timeout) * kMs);
  if (due <= now) return 0;
  return alarm_.set(due, now) ? -1 : static_cast<int>((due - now + kMs - 1) / kMs);
}

void Shard::await_loop(int timeout) noexcept {
  pollfd loop{loop_, POLLIN, 0};
  if (::poll(&loop, 1, timeout) > 0) loop_ready_ = true;
}

unsigned Shard::await(int timeout) noexcept {
  if (frozen_) return await_loop(timeout), 0;
  const bool is_done = event_at_ == event_count_;
  if (is_done || is_crowded_) {
    const uint64_t now = now_ns();
    turn_clock_.wait_begins(now);
    turn_clock_.wait_ends(is_done ? poll(nap(timeout, now)) : read_clock());
  }
  return receive();
}

unsigned Shard::collect() noexcept {
  if (frozen_) return 0;
  // A turn may hold only keep-alives and nothing for the policy: then the next one follows at once, within a bound.
  for (unsigned turn = 0; turn < kTurnsWithoutPolicy; ++turn) {
    if (event_at_ == event_count_) poll(0);
    const bool idle = event_count_ == 0 && !has_work();
    if (receive() > 0 || idle || turn_clock_.elapsed() > kReadingNs) break;
  }
  return turn_.count();
}

unsigned Shard::receive() noexcept {
  SLUICE_INVARIANT(!in_turn_);
  in_turn_ = true;
  turn_.begin();
  if (std::exchange(tick_due_, false)) tick();
  take_ring();
  proxying_.take_events();
  if (std::exchange(is_crowded_, false)) hear_core();
  streams_.shake_hands();
  streams_.resume();
  read_events();
  turn_.clear_verdicts();
  registering_.read();
  proxying_.read();
  in_turn_ = false;
  if (turn_.count() == 0) {
    settle();
    ground_.kept.turn_ends();
  }
  return turn_.count();
}

void Shard::read_events() noexcept {
  while (event_at_ < event_count_ && !turn_.full()) {
    const unsigned together = streams_.readable(&events_[static_cast<size_t>(event_at_)], static_cast<unsigned>(event_count_ - event_at_));
    event_at_ += static_cast<int>(together);
    if (together == 0) event(events_[static_cast<size_t>(event_at_++)]);
    if (together == 0 && event_at_ % kEventsBetweenLooks != 0) continue;
    const uint64_t elapsed = turn_clock_.elapsed();
    if (elapsed > kReadingNs) turn_.end_handshakes();
    is_crowded_ = elapsed > 2 * kReadingNs;
    if (is_crowded_) return;
  }
  is_crowded_ = !turn_.may_shake_hands();
}

// While a thousand handshakes are ready, epoll names each socket once in many turns. But what the core says lets others go, and the operator's
// orders come through libuv, so both have a part of each turn.
void Shard::hear_core() noexcept {
  datagrams_.hear_core();
  streams_.hear_core();
  loop_ready_ = true;
}

void Shard::event(const epoll_event& event) noexcept {
  const FlowHandle handle = FlowHandle::of(event.data.u64);
  const uint32_t low = handle.slot;
  if (handle.generation != 0) {
    if (ground_.flows.find(handle) != nullptr) streams_.event(low, event.events);
  } else if (low == kWakeEvent) {
    crossing_.woken();
  } else if (low == kLoopEvent) {
    loop_ready_ = true;
  } else if (low == kFollowEvent) {
    followers_.take();
  } else if (low == kAlarmEvent) {
    // It has woken us, which is all.
  } else {
    const uint16_t listener = static_cast<uint16_t>(low - kListenerEvent);
    if (is_stream(ground_.config.listeners[listener].transport)) return listeners_.accept_all(listener);
    if (event.events & EPOLLERR) datagrams_.read_icmp_errors(listener);
    datagrams_.receive(listener);
  }
}

}  // namespace sluice
