#include "core/shard/listeners.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "core/transport/tune_stream.h"

namespace sluice {
namespace {

constexpr int kAcceptsPerTurn = 64;
constexpr uint32_t kAcceptPauseMs = 100;

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
// overflows: it would drop the SYNs of phones, which then come later and later. While our own handshakes are, that is the lesser evil:
// phones that are let in and give up before their turn redial at once, and the work on them was for nothing.
bool Listeners::may_accept(uint16_t listener) const noexcept {
  const Listener& on = ground_.config.listeners[listener];
  if (on.facing == Facing::core) return true;
  if (is_secure(on.transport) && on.ends_tls && handshakes_.is_long()) return false;
  if (admission_.accepts() > 0) return true;
  tcp_info info{};
  socklen_t size = sizeof info;
  // Of a listening socket: how many wait, and how many may.
  return getsockopt(sockets_[listener], IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || info.tcpi_unacked * 2 > info.tcpi_sacked;
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
