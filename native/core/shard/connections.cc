#include "core/shard/connections.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <new>

#include "core/relay/source.h"
#include "core/transport/tune_stream.h"

namespace sluice {
namespace {

constexpr uint32_t kConnectSeconds = 5;
// Trying TCP where UDP was named keeps the request waiting.
constexpr uint32_t kTrialSeconds = 1;
constexpr uint32_t kRefusalSeconds = 600;
constexpr uint32_t kHalfClosedSeconds = 32;
constexpr size_t kClosesAtOnce = 16;

}  // namespace

std::string Connections::phone_key(const Address& address, Transport transport) {
  std::string key(reinterpret_cast<const char*>(address.ip), sizeof address.ip);
  key.push_back(static_cast<char>(address.port >> 8));
  key.push_back(static_cast<char>(address.port));
  key.push_back(static_cast<char>(transport));
  return key;
}

uint16_t core_listener(const EdgeConfig& config, Transport transport, bool v4) noexcept {
  int best = -1, rank = -1;
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    const Listener& listener = config.listeners[i];
    if (listener.facing == Facing::client) continue;
    // The core does not speak WebSocket, so the name of such a listener is the last choice.
    const int here = (is_websocket(listener.transport) ? 0 : 4) + (listener.transport == transport ? 2 : 0) + (listener.bound.is_v4() == v4 ? 1 : 0);
    if (here > rank) {
      rank = here;
      best = static_cast<int>(i);
    }
  }
  return static_cast<uint16_t>(best < 0 ? 0 : best);
}

int client_listener(const EdgeConfig& config, Transport transport, bool v4) noexcept {
  int best = -1, rank = -1;
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    const Listener& listener = config.listeners[i];
    if (listener.transport != transport) continue;
    const int here = (listener.facing == Facing::core ? 0 : 2) + (listener.bound.is_v4() == v4 ? 1 : 0);
    if (here > rank) {
      rank = here;
      best = static_cast<int>(i);
    }
  }
  return best;
}

bool is_core_side(const EdgeConfig& config, uint16_t listener, const Address& remote) noexcept {
  const Facing facing = config.listeners[listener].facing;
  return facing == Facing::core || (facing == Facing::both && is_trusted(config, remote));
}

Connections::~Connections() noexcept {
  for (uint32_t slot = 1; slot < ground_.flows.slots(); ++slot) {
    Flow* flow = ground_.flows.open_at(slot);
    if (flow == nullptr || flow->kind != FlowKind::stream) continue;
    shares_.give(*flow);
    if (flow->stream.layer != nullptr) drop_layer(*flow);
    give_back(ground_.pool, flow->stream.in);
    flow->stream.out.clear(ground_.pool);
    close_descriptor(flow->fd);
  }
  for (UnsentQueue& queue : unsent_) queue.clear(ground_.pool);
}

void Connections::find_targets() noexcept {
  for (const CoreConnection& open : core_)
    ground_.flows.at(open.slot).upstream = static_cast<int8_t>(upstreams_.targets().find(open.address, open.transport));
}

bool Connections::comes_by_proxy(uint16_t listener, const Address& remote) const noexcept {
  return ground_.config.listeners[listener].proxy != ProxyRule::never && is_in(ground_.config.proxies, remote);
}

uint32_t Connections::adopt(int fd, const Address& remote, uint16_t listener, Opening opening) noexcept {
  const bool dialled = opening != Opening::accepted;
  // That we dial an address proves nothing about who is there: a phone does not become a neighbour by giving us an address.
  const bool core_side = opening == Opening::to_core || (opening == Opening::accepted && is_core_side(ground_.config, listener, remote));
  if (!core_side && shares_.take(Holding::connection, remote, !dialled && comes_by_proxy(listener, remote)) != Grant::given) {
    ground_.counters.add(Counter::flows_refused);
    ::close(fd);
    return 0;
  }
  const uint32_t slot = ground_.flows.open(FlowKind::stream, remote, listener);
  if (dialled) tune_stream(fd);  // one that is accepted has it from its listener
  Flow& flow = ground_.flows.at(slot);
  if (core_side) flow.flags |= kFlow_core;
  if (dialled) flow.flags |= kFlow_dialled;
  flow.fd = fd;
  flow.last_seen = flow.birth = ground_.clock.tick();
  if (!core_side) note_origin(slot, remote);
  ground_.counters.add(Counter::flows_opened);
  ground_.counters.add(Counter::stream_flows);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP | (dialled ? static_cast<uint32_t>(EPOLLOUT) : 0u);
  event.data.u64 = FlowHandle{slot, flow.generation}.packed();
  epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  return slot;
}

// Other shards judge its tokens too, even after it is gone.
void Connections::note_origin(uint32_t slot, const Address& remote) noexcept {
  FlowName name;
  name.shard = ground_.config.shard;
  name.boot = ground_.config.boot;
  name.slot = slot;
  name.generation = ground_.flows.at(slot).generation;
  ground_.commons.origins.put(name, remote);
}

void Connections::accepted(int fd, const Address& remote, uint16_t listener) noexcept {
  const uint32_t slot = adopt(fd, remote, listener, Opening::accepted);
  if (slot == 0) return;
  if (!add_layer(slot)) return;
  timers_.arm(slot);
  // One over TLS follows when its handshake is over.
  const StreamLayer* const layer = ground_.flows.at(slot).stream.layer;
  if (layer == nullptr || !layer->is_secure) ground_.kept.keep(slot);
}

// False: the flow has been closed again.
bool Connections::add_layer(uint32_t slot) noexcept {
  Flow& flow = ground_.flows.at(slot);
  const Listener& on = ground_.config.listeners[flow.listener];
  const bool by_proxy = comes_by_proxy(flow.listener, flow.remote);
  // A peer that may not speak for others must not use a listener where everyone has to.
  if (on.proxy == ProxyRule::require && !by_proxy) return close(slot, Counter::flows_refused), false;
  const bool secure = is_secure(on.transport) && on.ends_tls;
  if (!by_proxy && !secure && !is_websocket(on.transport)) return true;
  flow.stream.layer = new (std::nothrow) StreamLayer;
  if (flow.stream.layer == nullptr) return close(slot, Counter::flows_refused), false;
  StreamLayer& layer = *flow.stream.layer;
  layer.is_secure = secure;
  layer.is_websocket = is_websocket(on.transport);
  layer.must_have_proxy_header = on.proxy == ProxyRule::require;
  layer.stage = by_proxy ? Stage::proxy_header : layer.is_websocket ? Stage::upgrade : Stage::open;
  // Behind a balancer, the client's address, which arrives first, counts.
  return by_proxy || begin_handshake(slot);
}

bool Connections::begin_handshake(uint32_t slot) noexcept {
  Flow& flow = ground_.flows.at(slot);
  if (flow.flags & kFlow_core) return true;
  Grant grant = shares_.take_handshake(flow.remote);
  if (grant == Grant::all_full && end_oldest_handshake()) grant = shares_.take_handshake(flow.remote);
  if (grant != Grant::given) {
    ground_.counters.add(Counter::handshakes_refused);
    return close(slot, Counter::flows_refused), false;
  }
  flow.stream.layer->has_handshake_place = true;
  ground_.counters.add(Counter::handshakes);
  while (!handshakes_.empty() && !is_in_handshake(handshakes_.front())) handshakes_.pop_front();
  handshakes_.push_back(ground_.flows.handle(slot));
  return true;
}

bool Connections::is_in_handshake(FlowHandle handle) noexcept {
  const Flow* const flow = ground_.flows.find(handle);
  return flow != nullptr && flow->stream.layer != nullptr && flow->stream.layer->has_handshake_place;
}

// Many sources that never finish a handshake would keep everybody out: of those whose peer is silent, the one that has lasted longest gives way.
bool Connections::end_oldest_handshake() noexcept {
  for (size_t left = handshakes_.size(); left > 0; --left) {
    const FlowHandle oldest = handshakes_.front();
    handshakes_.pop_front();
    if (!is_in_handshake(oldest)) continue;
    if (ground_.flows.at(oldest.slot).stream.layer->awaits_turn) {  // it waits for us
      handshakes_.push_back(oldest);
      continue;
    }
    ground_.counters.add(Counter::handshakes_refused);
    give_handshake(ground_.flows.at(oldest.slot));
    close_soon(oldest.slot, Counter::flows_refused);
    return true;
  }
  return false;
}

void Connections::handshake_done(uint32_t slot) noexcept {
  Flow& flow = ground_.flows.at(slot);
  if (flow.stream.layer != nullptr && is_ready(flow)) give_handshake(flow);
}

void Connections::give_handshake(Flow& flow) noexcept {
  if (!flow.stream.layer->has_handshake_place) return;
  flow.stream.layer->has_handshake_place = false;
  shares_.give_handshake(flow.remote);
  ground_.counters.add(Counter::handshakes, -1);
}

// Sends a layer's last words before it is closed, as far as the socket takes them.
void Connections::drop_layer(Flow& flow) noexcept {
  StreamLayer& layer = *flow.stream.layer;
  give_handshake(flow);
  if (flow.stream.out.empty() && is_ready(flow) && flow.state == FlowState::open) {
    last_words_.clear();
    if (layer.is_websocket && !layer.close_sent) {
      constexpr char kGoingAway[] = {static_cast<char>(0x88), 2, static_cast<char>(0x03), static_cast<char>(0xe9)};
      const Text frame(kGoingAway, sizeof kGoingAway);
      if (!layer.tls) last_words_.assign(frame.begin(), frame.end());
      else if (!layer.tls->send(frame, last_words_)) last_words_.clear();
    }
    if (layer.tls) layer.tls->close(last_words_);
    if (!last_words_.empty() && send(flow.fd, last_words_.data(), last_words_.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) last_words_.clear();
  }
  // Unread octets would turn the close into a reset, and the peer would never see the reason.
  char unread[4096];
  for (int i = 0; i < 16 && recv(flow.fd, unread, sizeof unread, MSG_DONTWAIT) > 0; ++i) continue;
  give_back(ground_.pool, layer.record);
  delete flow.stream.layer;
  flow.stream.layer = nullptr;
}

bool Connections::is_for(uint32_t slot, const Address& client) noexcept {
  Flow& flow = ground_.flows.at(slot);
  // When we accepted the connection, we could only check the balancer's own address.
  if (bans_.holds(client)) return ground_.counters.add(Counter::banned), false;
  const bool core_side = is_core_side(ground_.config, flow.listener, client);
  if (!core_side && shares_.take(Holding::connection, client) != Grant::given) return false;
  shares_.give(flow);
  flow.remote = client;
  if (!core_side) note_origin(slot, client);
  flow.flags &= static_cast<uint8_t>(~kFlow_core);
  if (core_side) flow.flags |= kFlow_core;
  return true;
}

// A connecting socket, or -1.
int Connections::dial(const Address& address, uint16_t listener) const noexcept {
  const bool v6 = !address.is_v4();
  const int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  // From the address of the core side, so that the core sees the same host in Via and in the packet.
  Address local = ground_.config.listeners[listener].bound;
  local.port = 0;
  sockaddr_storage place;
  bool good = true;
  if (local.is_v4() == !v6) {
    const socklen_t size = to_sockaddr(local, v6, &place);
    good = bind(fd, reinterpret_cast<sockaddr*>(&place), size) == 0;
  }
  const socklen_t size = to_sockaddr(address, v6, &place);
  if (good && (connect(fd, reinterpret_cast<sockaddr*>(&place), size) == 0 || errno == EINPROGRESS)) return fd;
  ::close(fd);
  return -1;
}

uint32_t Connections::to_core(const Address& address, Transport transport, Text name) noexcept {
  const bool secure = is_secure(transport);
  for (const CoreConnection& open : core_) {
    const bool fits = open.address == address && open.transport == transport && (!secure || open.name == name);
    if (fits && (ground_.flows.at(open.slot).marks & (kMark_closing | kMark_peer_closed)) == 0) return open.slot;
  }
  const uint32_t slot = open_to(address, transport, name, core_listener(ground_.config, transport, address.is_v4()), Opening::to_core);
  if (slot != 0) core_.push_back({address, transport, secure ? std::string(name) : std::string(), slot});
  return slot;
}

bool Connections::takes_stream(const Address& address) noexcept {
  for (const Refusal& refusal : refusals_)
    if (refusal.address == address && !ground_.clock.reached(refusal.until)) return false;
  const size_t open = core_.size();
  const uint32_t slot = to_core(address, Transport::tcp, Text());
  if (slot == 0) refused_stream(address);
  else if (core_.size() > open) timers_.arm_in(slot, kTrialSeconds);
  return slot != 0;
}

void Connections::refused_stream(const Address& address) noexcept {
  const Refusal refusal{address, ground_.clock.tick() + Clock::ticks(uint64_t{kRefusalSeconds} * 1000)};
  for (Refusal& known : refusals_)
    if (known.address == address) return void(known = refusal);
  if (refusals_.size() < kMostRefusals) return refusals_.push_back(refusal);
  refusals_[next_refusal_++ % kMostRefusals] = refusal;
}

uint32_t Connections::to_phone(const Address& address, Transport transport, Text name) noexcept {
  const int listener = client_listener(ground_.config, transport, address.is_v4());
  if (listener < 0 || !is_stream(transport) || is_websocket(transport)) return 0;
  std::string key = phone_key(address, transport);
  const auto open = phones_.find(key);
  if (open != phones_.end() && (ground_.flows.at(open->second).marks & (kMark_closing | kMark_peer_closed)) == 0) return open->second;
  const uint32_t slot = open_to(address, transport, name, static_cast<uint16_t>(listener), Opening::to_phone);
  if (slot != 0) phones_[std::move(key)] = slot;
  return slot;
}

uint32_t Connections::open_to(const Address& address, Transport transport, Text name, uint16_t listener, Opening opening) noexcept {
  const bool secure = is_secure(transport);
  std::unique_ptr<TlsSession> tls = secure && tls_ ? tls_->dial(name) : nullptr;
  if (secure && !tls) return 0;
  const int fd = dial(address, listener);
  const uint32_t slot = fd < 0 ? 0 : adopt(fd, address, listener, opening);
  if (slot == 0) return 0;
  Flow& flow = ground_.flows.at(slot);
  flow.state = FlowState::connecting;
  flow.marks |= kMark_wants_write;
  if (opening == Opening::to_core) flow.upstream = static_cast<int8_t>(upstreams_.targets().find(address, transport));
  if (secure) {
    flow.stream.layer = new StreamLayer;
    flow.stream.layer->is_secure = true;
    flow.stream.layer->tls = std::move(tls);
  }
  timers_.arm_in(slot, kConnectSeconds);
  return slot;
}

void Connections::forget_dialled(uint32_t slot) noexcept {
  const Flow& flow = ground_.flows.at(slot);
  if ((flow.flags & kFlow_core) == 0) {
    const auto open = phones_.find(phone_key(flow.remote, source_of_flow(ground_.config, slot, flow).transport));
    if (open != phones_.end() && open->second == slot) phones_.erase(open);
    return;
  }
  for (CoreConnection& open : core_) {
    if (open.slot != slot) continue;
    std::swap(open, core_.back());
    return core_.pop_back();
  }
}

bool Connections::opened(uint32_t slot) noexcept {
  Flow& flow = ground_.flows.at(slot);
  flow.state = FlowState::open;
  flow.last_seen = ground_.clock.tick();
  timers_.arm(slot);
  if (flow.upstream >= 0) upstreams_.lives(flow.upstream);
  if (outbox_.streams().opened(slot)) return true;
  close(slot, Counter::flows_closed);
  return false;
}

void Connections::peer_closed(uint32_t slot) noexcept {
  Flow& flow = ground_.flows.at(slot);
  // Nobody can send to it any longer, so no token leads here; but its earlier requests may still be answered (TR-24).
  // Over TLS, one read may return both the end and the request before it, which has not been relayed yet.
  const bool asks = owes_answer(flow, ground_.clock.tick()) || turn_.came_over(ground_.flows.handle(slot), ground_.config.shard);
  if (!asks || (flow.flags & kFlow_core) || (flow.marks & kMark_peer_closed)) return close(slot, Counter::flows_closed);
  flow.marks |= kMark_peer_closed;
  outbox_.streams().watch(slot, !flow.stream.out.empty());
  timers_.arm_in(slot, kHalfClosedSeconds);
  ends_.gone(slot);
}

void Connections::close(uint32_t slot, Counter why) noexcept {
  Flow& flow = ground_.flows.at(slot);
  SLUICE_INVARIANT(flow.kind == FlowKind::stream);
  ground_.counters.add(why);
  ground_.counters.add(Counter::stream_flows, -1);
  flow.marks |= kMark_closing;
  const bool never_opened = flow.state == FlowState::connecting;
  if (never_opened && !flow.stream.out.empty()) unsent_.push_back(std::exchange(flow.stream.out, UnsentQueue()));
  if (never_opened && flow.upstream < 0 && (flow.flags & kFlow_core)) refused_stream(flow.remote);
  ends_.gone(slot);
  ends_.note(slot, why);
  timers_.cancel(slot);
  ground_.kept.drop(slot);
  // Now, while its layer still tells the transport.
  if (flow.flags & kFlow_dialled) forget_dialled(slot);
  if (flow.stream.layer != nullptr) drop_layer(flow);
  give_back(ground_.pool, flow.stream.in);
  flow.stream.out.clear(ground_.pool);
  close_descriptor(flow.fd);
  shares_.give(flow);
  const int8_t target = flow.upstream;
  ground_.flows.release(slot);
  if (target >= 0 && never_opened) upstreams_.failed(target);
}

void Connections::close_soon(uint32_t slot, Counter why) noexcept {
  ground_.flows.at(slot).marks |= kMark_closing;
  ground_.closing.add(ground_.flows.handle(slot), why);
}

bool Connections::close_listed() noexcept {
  if (ground_.closing.empty()) return false;
  for (const CloseList::Entry& entry : ground_.closing.take(kClosesAtOnce))
    if (ground_.flows.find(entry.flow) != nullptr) close(entry.flow.slot, entry.why);
  return true;
}

}  // namespace sluice
