// Flows with something between the connection and SIP: PROXY header, TLS and WebSocket, taken off in this order.
#include <sys/socket.h>

#include <cerrno>
#include <new>

#include "core/transport/proxy_header.h"
#include "core/shard/wheels.h"

namespace sluice {
namespace {

constexpr size_t kTlsRead = 32 * 1024;

bool trusts(const std::vector<TrustedNet>& nets, const Address& address) noexcept {
  for (const TrustedNet& net : nets)
    if (net.holds(address)) return true;
  return false;
}

}  // namespace

bool Shard::is_ready(const Flow& flow) noexcept {
  return flow.layer == nullptr || (flow.layer->stage == Stage::open && (!flow.layer->is_secure || (flow.layer->tls && flow.layer->tls->is_open())));
}

bool Shard::comes_by_proxy(uint16_t listener, const Address& remote) const noexcept {
  return config_.listeners[listener].proxy != ProxyRule::never && trusts(config_.proxies, remote);
}

// False: the flow is closed again.
bool Shard::add_layer(uint32_t slot) noexcept {
  Flow& flow = flows_.at(slot);
  const Listener& on = config_.listeners[flow.listener];
  const bool by_proxy = comes_by_proxy(flow.listener, flow.remote);
  // Whoever may not speak for others must not come where somebody has to.
  if (on.proxy == ProxyRule::require && !by_proxy) return close_flow(slot, Counter::flows_refused), false;
  if (!by_proxy && !is_secure(on.transport) && !is_websocket(on.transport)) return true;
  flow.layer = new (std::nothrow) StreamLayer;
  if (flow.layer == nullptr) return close_flow(slot, Counter::flows_refused), false;
  StreamLayer& layer = *flow.layer;
  layer.is_secure = is_secure(on.transport);
  layer.is_websocket = is_websocket(on.transport);
  layer.must_have_proxy_header = on.proxy == ProxyRule::require;
  layer.stage = by_proxy ? Stage::proxy_header : layer.is_websocket ? Stage::upgrade : Stage::open;
  return true;
}

// The last words of a layer, as far as the socket takes them, before it is closed.
void Shard::drop_layer(uint32_t slot) noexcept {
  Flow& flow = flows_.at(slot);
  StreamLayer& layer = *flow.layer;
  if (flow.out == nullptr && is_ready(flow) && flow.state == FlowState::open) {
    tls_out_.clear();
    if (layer.is_websocket && !layer.close_sent) {
      constexpr char kGoingAway[] = {static_cast<char>(0x88), 2, static_cast<char>(0x03), static_cast<char>(0xe9)};
      const Text frame(kGoingAway, sizeof kGoingAway);
      if (!layer.tls) tls_out_.assign(frame.begin(), frame.end());
      else if (!layer.tls->send(frame, tls_out_)) tls_out_.clear();
    }
    if (layer.tls) layer.tls->close(tls_out_);
    if (!tls_out_.empty() && send(flow.fd, tls_out_.data(), tls_out_.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) tls_out_.clear();
  }
  // Octets that nobody read would turn the end into a reset, and the peer would never see why it was closed.
  char unread[4096];
  for (int i = 0; i < 16 && recv(flow.fd, unread, sizeof unread, MSG_DONTWAIT) > 0; ++i) continue;
  delete flow.layer;
  flow.layer = nullptr;
}

void Shard::deliver(uint32_t slot, char* data, size_t size) noexcept {
  const StreamLayer* layer = flows_.at(slot).layer;
  if (layer == nullptr || (layer->stage == Stage::open && !layer->is_websocket)) return frame_stream(slot, data, size);
  switch (layer->stage) {
    case Stage::proxy_header: return take_proxy_header(slot, data, size);
    case Stage::upgrade: return take_upgrade(slot, data, size);
    case Stage::open: return frame_websocket(slot, data, size);
  }
}

void Shard::take_proxy_header(uint32_t slot, char* data, size_t size) noexcept {
  Flow& flow = flows_.at(slot);
  StreamLayer& layer = *flow.layer;
  ProxyHeader header;
  switch (read_proxy_header(Text(data, size), header)) {
    case ProxyRead::more: return keep_unfinished(slot, Text(data, size), false);
    case ProxyRead::broken: return close_flow(slot, Counter::flows_faulty);
    case ProxyRead::absent:
      if (layer.must_have_proxy_header) return close_flow(slot, Counter::flows_faulty);
      break;
    case ProxyRead::header: break;
  }
  flow.marks &= static_cast<uint8_t>(~kMark_partial);
  if (!take_client(slot, header.has_client ? header.client : flow.remote)) return close_flow(slot, Counter::flows_refused);
  const bool secure = layer.is_secure;
  layer.stage = layer.is_websocket ? Stage::upgrade : Stage::open;
  if (!secure && !layer.is_websocket) {
    delete flow.layer;
    flow.layer = nullptr;
  }
  arm_flow(slot);
  const Text rest(data + header.size, size - header.size);
  if (rest.empty()) return;
  if (secure) decrypt(slot, rest);
  else deliver(slot, data + header.size, rest.size());
}

// From now on the flow is that of the client behind the balancer. False: that one has too many, or is banned.
bool Shard::take_client(uint32_t slot, const Address& client) noexcept {
  Flow& flow = flows_.at(slot);
  --flows_.connections_from(flow.remote);
  flow.remote = client;
  const uint32_t others = flows_.connections_from(client)++;
  const Facing facing = config_.listeners[flow.listener].facing;
  flow.flags &= static_cast<uint8_t>(~kFlow_core);
  if (facing == Facing::core || (facing == Facing::both && is_trusted(config_, client))) flow.flags |= kFlow_core;
  // Accepting the connection, only the balancer's own address could be looked at.
  if (bans_.holds(client)) return counters_.add(Counter::banned), false;
  return facing == Facing::core || others < config_.limits.max_flows_per_source;
}

void Shard::receive_tls(uint32_t slot) noexcept {
  Flow& flow = flows_.at(slot);
  if (flow.marks & kMark_resumes) return;  // the socket stays readable
  const bool shaking = !flow.layer->tls || !flow.layer->tls->is_open();
  // A handshake costs as much as hundreds of messages: a few a turn, so that established flows do not wait for all of them.
  if (shaking && handshakes_left_ == 0) return;
  char* room = stream_room(kTlsRead + 2 * kTlsRead + kTlsSlack + (flow.in == nullptr ? 0 : flow.in->size));
  if (room == nullptr) return;
  const ssize_t n = recv(flow.fd, room, kTlsRead, MSG_DONTWAIT);
  if (n == 0) return peer_closed(slot);
  if (n < 0) return errno == EAGAIN || errno == EINTR ? void() : close_flow(slot, Counter::flows_closed);
  counters_.add(Counter::bytes_in, n);
  flow.last_seen = now_tick_;
  stream_used_ += static_cast<size_t>(n);
  decrypt(slot, Text(room, static_cast<size_t>(n)));
}

bool Shard::begin_tls(uint32_t slot) noexcept {
  StreamLayer& layer = *flows_.at(slot).layer;
  if (!layer.tls && tls_) layer.tls = tls_->accept();
  if (layer.tls) return true;
  close_flow(slot, Counter::flows_refused);
  return false;
}

void Shard::decrypt(uint32_t slot, Text wire) noexcept {
  Flow& flow = flows_.at(slot);
  if (!flow.layer->tls && !begin_tls(slot)) return;
  const uint32_t generation = flow.generation;
  TlsSession& tls = *flow.layer->tls;
  const bool was_open = tls.is_open();
  if (!was_open && handshakes_left_ > 0) --handshakes_left_;
  const size_t held = flow.in == nullptr ? 0 : flow.in->size;
  const size_t most = wire.size() + kTlsSlack;
  char* room = stream_room(held + most);
  if (room == nullptr) return close_flow(slot, Counter::flows_refused);
  size_t plain = 0;
  tls_out_.clear();
  const TlsResult result = tls.receive(wire, room + held, most, plain, tls_out_);
  const bool sent = streams_.send_records(slot, Text(tls_out_.data(), tls_out_.size()));
  if (result == TlsResult::failed) {
    counters_.add(Counter::tls_failed);
    alert(Event::tls_failed, flow.remote, 0, tls.fault());
    return close_flow(slot, Counter::flows_faulty);
  }
  if (!sent) return;  // it is closed at the end of the turn
  if (!was_open && tls.is_open()) {
    counters_.add(Counter::tls_handshakes);
    if (tls.was_resumed()) counters_.add(Counter::tls_resumed);
    if (flow.state == FlowState::connecting) is_connected(slot);
    else arm_flow(slot);
  }
  if (plain > 0 && held + plain < flow.framer.need) {
    if (!grow(pool_, flow.in, flow.framer.need) || !append(pool_, flow.in, Text(room + held, plain))) return close_flow(slot, Counter::flows_refused);
  } else if (plain > 0) {
    if (held > 0) std::memcpy(room, flow.in->data(), held);
    give_back(pool_, flow.in);
    stream_used_ += held + plain;
    deliver(slot, room, held + plain);
  }
  if (result == TlsResult::closed && flow.generation == generation && flow.state != FlowState::free_slot) peer_closed(slot);
}

}  // namespace sluice
