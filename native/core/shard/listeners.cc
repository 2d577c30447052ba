#include "core/shard/listeners.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/shard/shares.h"
#include "core/transport/tune_stream.h"

namespace sluice {
namespace {

constexpr int kAcceptsPerTurn = 64;
constexpr uint32_t kAcceptPauseMs = 100;
// A handshake takes about a millisecond, and a phone gives up after 32 seconds at the latest (RFC 3261 17.1.2.2, Timer F).
constexpr size_t kMostHandshakes = 16'384;

}  // namespace

void Listeners::open(int epoll) noexcept {
  epoll_ = epoll;
  for (size_t i = 0; i < sockets_.size(); ++i) {
    const Listener& listener = ground_.config.listeners[i];
    if (is_stream(listener.transport)) tune_stream(sockets_[i]);
    else outbox_.attach(static_cast<uint16_t>(i), sockets_[i], !listener.bound.is_v4());
    watch(i);
  }
}

void Listeners::watch(size_t listener) noexcept {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = first_marker_ + listener;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, sockets_[listener], &event);
}

void Listeners::look_away(size_t listener) noexcept { epoll_ctl(epoll_, EPOLL_CTL_DEL, sockets_[listener], nullptr); }

void Listeners::accept_all(uint16_t listener) noexcept {
  for (int i = 0; i < kAcceptsPerTurn && accepting_; ++i) {
    if (!may_accept(listener)) {
      ground_.counters.add(Counter::accepts_paused);
      return pause(listener, Clock::kTickMs);
    }
    sockaddr_storage peer;
    socklen_t size = sizeof peer;
    const int fd = accept4(sockets_[listener], reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      // It has been shut down (ListenerSockets::stop_accepting) and stays readable for ever.
      if (errno == EINVAL) look_away(listener);
      // Out of descriptors: instead of spinning on a listener that stays readable, look away for a while.
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        ground_.alerts.add(Event::accept_failed, Address{}, errno);
        pause(listener, kAcceptPauseMs);
      }
      return;
    }
    const Address remote = from_sockaddr(reinterpret_cast<sockaddr*>(&peer));
    if (bans_.holds(remote)) {
      ground_.counters.add(Counter::banned);
      close(fd);
      continue;
    }
    admission_.accepted();
    connections_.accepted(fd, remote, listener);
  }
}

// The core itself is never kept waiting where it has a listener of its own. While the upstream is the bottleneck, the kernel's queue never
// overflows: it would drop the SYNs of phones, which then come later and later. While our own handshakes are, half of the places for them may be
// taken by phones that wait for their turn; then the kernel's queue fills up.
bool Listeners::may_accept(uint16_t listener) const noexcept {
  const Listener& on = ground_.config.listeners[listener];
  if (on.facing == Facing::core) return true;
  if (is_secure(on.transport) && on.ends_tls && handshakes_.taken_of(most_handshakes()) >= most_handshakes()) return false;
  if (admission_.accepts() > 0) return true;
  tcp_info info{};
  socklen_t size = sizeof info;
  // Of a listening socket: how many wait, and how many may.
  return getsockopt(sockets_[listener], IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || info.tcpi_unacked * 2 > info.tcpi_sacked;
}

// Of this shard, that wait for their turn.
size_t Listeners::most_handshakes() const noexcept {
  return std::clamp<size_t>(Shares::most_handshakes(ground_.config.limits) / 2 / ground_.config.shards, 1, kMostHandshakes);
}

void Listeners::pause(uint16_t listener, uint32_t milliseconds) noexcept {
  look_away(listener);
  paused_ = true;
  pause_ends_ = ground_.clock.tick() + Clock::ticks(milliseconds);
}

void Listeners::tick() noexcept {
  if (!paused_ || !ground_.clock.reached(pause_ends_)) return;
  paused_ = false;
  for (size_t i = 0; i < sockets_.size() && accepting_; ++i)
    if (is_stream(ground_.config.listeners[i].transport)) watch(i);
}

void Listeners::stop() noexcept {
  accepting_ = false;
  for (size_t i = 0; i < sockets_.size(); ++i)
    if (is_stream(ground_.config.listeners[i].transport)) look_away(i);
}

void Listeners::leave() noexcept {
  accepting_ = false;
  for (size_t i = 0; i < sockets_.size(); ++i) look_away(i);
}

void Listeners::resume() noexcept {
  accepting_ = true;
  paused_ = true;
  pause_ends_ = ground_.clock.tick();
  tick();
}

}  // namespace sluice
