// Listeners and connections: opening, accepting, dialling the core (never a client), and what follows when one ends.
#include <fcntl.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>

#include "core/shard/wheels.h"

namespace sluice {
namespace {

constexpr int kAcceptsPerTurn = 64;
constexpr uint32_t kAcceptPauseMs = 100;
constexpr uint32_t kConnectSeconds = 5;
constexpr uint32_t kHalfClosedSeconds = 32;
// OB-5.4-16: the kernel finds a half-open connection within about three minutes even without Flow-Timer.
constexpr int kKeepIdle = 60, kKeepInterval = 20, kKeepCount = 4, kUserTimeoutMs = 120'000;

// Markers of the descriptors that are no flows; a flow's event carries its generation, which is never 0, in the upper half.
constexpr uint64_t kTimerEvent = 1;
constexpr uint64_t kWakeEvent = 2;
constexpr uint64_t kListenerEvent = 16;

void set(int fd, int level, int name, int value) noexcept { setsockopt(fd, level, name, &value, sizeof value); }

void watch_descriptor(int epoll, int fd, uint64_t marker) noexcept {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = marker;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

void tune_stream(int fd) noexcept {
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepIdle);
  set(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepInterval);
  set(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepCount);
  set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMs);
}

}  // namespace

int Shard::open() noexcept {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (epoll_ < 0 || timer_ < 0) return errno;
  streams_.attach(epoll_);
  itimerspec period{};
  period.it_interval.tv_nsec = period.it_value.tv_nsec = kTickMs * 1'000'000L;
  timerfd_settime(timer_, 0, &period, nullptr);
  watch_descriptor(epoll_, timer_, kTimerEvent);
  watch_descriptor(epoll_, wakes_[config_.shard], kWakeEvent);
  for (size_t i = 0; i < config_.listeners.size(); ++i) {
    const Listener& listener = config_.listeners[i];
    if (!is_stream(listener.transport)) datagrams_[i].attach(sockets_[i], !listener.bound.is_v4());
    watch_descriptor(epoll_, sockets_[i], kListenerEvent + i);
  }
  // What the others left in the ring while nobody read it.
  const uint64_t one = 1;
  return write(wakes_[config_.shard], &one, sizeof one) < 0 && errno != EAGAIN ? errno : 0;
}

void Shard::receive_event(const epoll_event& event) noexcept {
  const uint32_t generation = static_cast<uint32_t>(event.data.u64 >> 32);
  const uint32_t low = static_cast<uint32_t>(event.data.u64);
  if (generation != 0) {
    Flow* flow = low < flows_.slots() ? &flows_.at(low) : nullptr;
    if (flow == nullptr || flow->generation != generation || flow->state == FlowState::free_slot) return;
    if (flow->state == FlowState::connecting) return connected(low);
    if (event.events & EPOLLERR) return close_flow(low, Counter::flows_closed);
    if ((event.events & EPOLLOUT) && !streams_.writable(low)) return close_flow(low, Counter::flows_closed);
    if (event.events & EPOLLIN) return receive_stream(low);
    if (event.events & (EPOLLHUP | EPOLLRDHUP)) return event.events & EPOLLHUP ? close_flow(low, Counter::flows_closed) : peer_closed(low);
    return;
  }
  if (low == kTimerEvent) {
    uint64_t expirations;
    if (read(timer_, &expirations, sizeof expirations) > 0) tick();
  } else if (low == kWakeEvent) {
    uint64_t count;
    if (read(wakes_[config_.shard], &count, sizeof count) < 0) return;
  } else {
    const uint16_t listener = static_cast<uint16_t>(low - kListenerEvent);
    if (is_stream(config_.listeners[listener].transport)) return accept_all(listener);
    if (event.events & EPOLLERR) read_icmp_errors(listener);
    receive_datagrams(listener);
  }
}

void Shard::accept_all(uint16_t listener) noexcept {
  for (int i = 0; i < kAcceptsPerTurn && accepting_; ++i) {
    sockaddr_storage peer;
    socklen_t size = sizeof peer;
    const int fd = accept4(sockets_[listener], reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      // It is shut down (ListenerSockets::stop_accepting), and readable for good.
      if (errno == EINVAL) epoll_ctl(epoll_, EPOLL_CTL_DEL, sockets_[listener], nullptr);
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        alert(Event::accept_failed, Address{}, errno, Text());
        // Out of descriptors: look away for a while instead of spinning on a listener that stays readable.
        epoll_ctl(epoll_, EPOLL_CTL_DEL, sockets_[listener], nullptr);
        accept_pause_until_ = now_tick_ + ticks(kAcceptPauseMs);
      }
      return;
    }
    const Address remote = from_sockaddr(reinterpret_cast<sockaddr*>(&peer));
    if (bans_.holds(remote)) {
      counters_.add(Counter::banned);
      close(fd);
      continue;
    }
    const uint32_t slot = adopt(fd, remote, listener, false);
    if (slot == 0) continue;
    Flow& flow = flows_.at(slot);
    const Facing facing = config_.listeners[listener].facing;
    if (facing == Facing::core || (facing == Facing::both && is_trusted(config_, remote))) flow.flags |= kFlow_core;
    if (add_layer(slot)) arm_flow(slot);
  }
}

void Shard::listen_again() noexcept {
  for (size_t i = 0; i < config_.listeners.size() && accepting_; ++i)
    if (is_stream(config_.listeners[i].transport)) watch_descriptor(epoll_, sockets_[i], kListenerEvent + i);
}

uint32_t Shard::adopt(int fd, const Address& remote, uint16_t listener, bool dialled) noexcept {
  uint32_t& from_source = flows_.connections_from(remote);
  // A load balancer stands for many; its clients are counted when it has named them.
  const bool client = !dialled && config_.listeners[listener].facing != Facing::core && !comes_by_proxy(listener, remote);
  const uint32_t slot = client && from_source >= config_.limits.max_flows_per_source ? 0 : flows_.open(FlowKind::stream, remote, listener);
  if (slot == 0) {
    counters_.add(Counter::flows_refused);
    close(fd);
    return 0;
  }
  ++from_source;
  tune_stream(fd);
  Flow& flow = flows_.at(slot);
  flow.fd = fd;
  flow.last_seen = flow.birth = now_tick_;
  counters_.add(Counter::flows_opened);
  counters_.add(Counter::stream_flows);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP | (dialled ? static_cast<uint32_t>(EPOLLOUT) : 0u);
  event.data.u64 = uint64_t{flow.generation} << 32 | slot;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  return slot;
}

uint32_t Shard::core_connection(const Address& address, Transport transport, Text name) noexcept {
  const bool secure = is_secure(transport);
  for (const CoreConnection& open : core_connections_) {
    const bool fits = open.address == address && open.transport == transport && (!secure || open.name == name);
    if (fits && (flows_.at(open.slot).marks & (kMark_closing | kMark_peer_closed)) == 0) return open.slot;
  }
  std::unique_ptr<TlsSession> tls = secure && tls_ ? tls_->dial(name) : nullptr;
  if (secure && !tls) return 0;
  const bool v6 = !address.is_v4();
  const int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return 0;
  const uint16_t listener = core_listener(transport, !v6);
  // Dial from the address of the core side, so that the core sees the same host in Via and in the packet.
  Address local = config_.listeners[listener].bound;
  local.port = 0;
  sockaddr_storage place;
  if (local.is_v4() == !v6) {
    const socklen_t size = to_sockaddr(local, v6, &place);
    if (bind(fd, reinterpret_cast<sockaddr*>(&place), size) != 0) return close(fd), 0;
  }
  const socklen_t size = to_sockaddr(address, v6, &place);
  if (connect(fd, reinterpret_cast<sockaddr*>(&place), size) != 0 && errno != EINPROGRESS) return close(fd), 0;
  const uint32_t slot = adopt(fd, address, listener, true);
  if (slot == 0) return 0;
  Flow& flow = flows_.at(slot);
  flow.flags |= kFlow_core | kFlow_dialled;
  flow.state = FlowState::connecting;
  flow.marks |= kMark_wants_write;
  flow.upstream = static_cast<int8_t>(upstreams_.find(address, transport));
  if (secure) {
    flow.layer = new StreamLayer;
    flow.layer->is_secure = true;
    flow.layer->tls = std::move(tls);
  }
  wheels_->flows.arm(slot, ticks(kConnectSeconds * 1000));
  core_connections_.push_back({address, transport, secure ? std::string(name) : std::string(), slot});
  return slot;
}

void Shard::connected(uint32_t slot) noexcept {
  Flow& flow = flows_.at(slot);
  // The TCP connection is there; what is readable belongs to the TLS handshake.
  if (flow.layer != nullptr && (flow.marks & kMark_wants_write) == 0) return receive_tls(slot);
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(flow.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) return close_flow(slot, Counter::flows_closed);
  if (flow.layer == nullptr) return is_connected(slot);
  streams_.watch(slot, false);
  decrypt(slot, Text());
}

void Shard::is_connected(uint32_t slot) noexcept {
  Flow& flow = flows_.at(slot);
  flow.state = FlowState::open;
  flow.last_seen = now_tick_;
  arm_flow(slot);
  if (flow.upstream >= 0) upstream_lives(flow.upstream);
  if (!streams_.opened(slot)) close_flow(slot, Counter::flows_closed);
}

void Shard::peer_closed(uint32_t slot) noexcept {
  Flow& flow = flows_.at(slot);
  // Nobody can send to it any more, so no token leads here; but what it asked for before may still be answered (TR-24).
  // Over TLS the end may come in one reading with the request before it, which nobody has relayed yet.
  bool asks = flow.waiting > 0;
  for (unsigned i = 0; i < count_ && !asks; ++i) {
    const Source& source = items_[i].source;
    asks = source.kind == FlowKind::stream && source.shard == config_.shard && source.slot == slot && source.generation == flow.generation;
  }
  if (!asks || (flow.flags & kFlow_core) || (flow.marks & kMark_peer_closed)) return close_flow(slot, Counter::flows_closed);
  flow.marks |= kMark_peer_closed;
  streams_.watch(slot, flow.out != nullptr);
  wheels_->flows.arm(slot, ticks(kHalfClosedSeconds * 1000));
  flow_is_gone(slot);
}

void Shard::close_flow(uint32_t slot, Counter why) noexcept {
  Flow& flow = flows_.at(slot);
  if (flow.state == FlowState::free_slot || flow.kind != FlowKind::stream) return;
  counters_.add(why);
  counters_.add(Counter::stream_flows, -1);
  flow.marks |= kMark_closing;
  const bool never_opened = flow.state == FlowState::connecting;
  const int8_t target = flow.upstream;
  FlowBuffer* unsent = never_opened ? flow.out : nullptr;
  if (unsent != nullptr) flow.out = nullptr;
  flow_is_gone(slot);
  if (config_.notes && (flow.flags & kFlow_core) == 0) notes_.ended(slot, flow, why, now_tick_);
  notes_.drop(slot);
  wheels_->flows.cancel(slot);
  if (flow.layer != nullptr) drop_layer(slot);
  give_back(pool_, flow.in);
  give_back(pool_, flow.out);
  close(flow.fd);
  --flows_.connections_from(flow.remote);
  if (flow.flags & kFlow_dialled) {
    for (size_t i = 0; i < core_connections_.size(); ++i) {
      if (core_connections_[i].slot != slot) continue;
      std::swap(core_connections_[i], core_connections_.back());
      core_connections_.pop_back();
      break;
    }
  }
  flows_.release(slot);
  if (target >= 0 && never_opened) upstream_failed(target);
  if (unsent != nullptr) {
    redirect_unsent(unsent->text());
    give_back(pool_, unsent);
  }
}

void Shard::close_failed() noexcept {
  for (size_t i = 0; i < streams_.failed().size(); ++i) close_flow(streams_.failed()[i], Counter::flows_closed);
  streams_.failed().clear();
  for (size_t i = 0; i < closing_after_answer_.size(); ++i) close_flow(closing_after_answer_[i], Counter::flows_faulty);
  closing_after_answer_.clear();
}

void Shard::flow_is_gone(uint32_t slot) noexcept {
  // RFC 5626 5.3.1, 11.5: whoever waits for an answer over this flow hears 430 now, not a timeout later.
  Flow& flow = flows_.at(slot);
  while (flow.pending != 0) {
    const uint32_t index = flow.pending;
    answer_pending(index, 430);
    forget(index);
  }
  bound_flow_ended(slot);
}

void Shard::read_icmp_errors(uint16_t listener) noexcept {
  for (int i = 0; i < 64; ++i) {
    sockaddr_storage to{};
    char control[512];
    char octets[1];
    iovec part{octets, sizeof octets};
    msghdr header{};
    header.msg_name = &to;
    header.msg_namelen = sizeof to;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    if (recvmsg(sockets_[listener], &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
    for (cmsghdr* part_of = CMSG_FIRSTHDR(&header); part_of != nullptr; part_of = CMSG_NXTHDR(&header, part_of)) {
      const bool v4 = part_of->cmsg_level == IPPROTO_IP && part_of->cmsg_type == IP_RECVERR;
      const bool v6 = part_of->cmsg_level == IPPROTO_IPV6 && part_of->cmsg_type == IPV6_RECVERR;
      if (!v4 && !v6) continue;
      sock_extended_err error;
      std::memcpy(&error, CMSG_DATA(part_of), sizeof error);
      // Only the final word of a router or host counts; a datagram that was too long says nothing of the flow.
      if (error.ee_errno == EMSGSIZE || (error.ee_origin != SO_EE_ORIGIN_ICMP && error.ee_origin != SO_EE_ORIGIN_ICMP6)) continue;
      const Address peer = from_sockaddr(reinterpret_cast<sockaddr*>(&to));
      const int target = upstreams_.find(peer, Transport::udp);
      if (target >= 0) upstream_failed(target);
      const uint32_t slot = flows_.find_udp(peer, listener);
      if (config_.home && (slot == 0 || (flows_.at(slot).marks & kMark_bound) == 0)) udp_peer_unreachable(peer, listener);
      if (slot == 0) continue;
      udp_flow_died(slot, Counter::flows_closed);
    }
  }
}

void Shard::stop_accepting() noexcept {
  accepting_ = false;
  for (size_t i = 0; i < config_.listeners.size(); ++i)
    if (is_stream(config_.listeners[i].transport)) epoll_ctl(epoll_, EPOLL_CTL_DEL, sockets_[i], nullptr);
}

}  // namespace sluice
