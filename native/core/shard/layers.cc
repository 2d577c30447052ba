// Layers between the connection and SIP: PROXY header and TLS.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/flow/flow_image.h"
#include "core/shard/stream_reader.h"
#include "core/transport/proxy_header.h"

namespace sluice {

// Something has happened on a connection that we are dialling.
void StreamReader::connected(uint32_t slot) noexcept {
  Flow& flow = ground_.flows.at(slot);
  // The TCP connection is open; anything readable belongs to the TLS handshake.
  if (flow.stream.layer != nullptr && (flow.marks & kMark_wants_write) == 0) return receive_tls(slot);
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(flow.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) return connections_.close(slot, Counter::flows_closed);
  if (flow.stream.layer == nullptr) {
    connections_.opened(slot);
    return;
  }
  outbox_.streams().watch(slot, false);
  decrypt(slot, Text());
}

void StreamReader::take_proxy_header(uint32_t slot, char* data, size_t size) noexcept {
  Flow& flow = ground_.flows.at(slot);
  StreamLayer& layer = *flow.stream.layer;
  ProxyHeader header;
  switch (read_proxy_header(Text(data, size), header)) {
    case ProxyRead::more: return keep_unfinished(slot, Text(data, size), false);
    case ProxyRead::broken: return connections_.close(slot, Counter::flows_faulty);
    case ProxyRead::absent:
      if (layer.must_have_proxy_header) return connections_.close(slot, Counter::flows_faulty);
      break;
    case ProxyRead::header: break;
  }
  flow.marks &= static_cast<uint8_t>(~kMark_partial);
  // The listener promises TLS, but the balancer that terminates it says that there was none.
  if (header.came_clear && is_secure(ground_.config.listeners[flow.listener].transport)) return connections_.close(slot, Counter::flows_refused);
  if (!connections_.is_for(slot, header.has_client ? header.client : flow.remote)) return connections_.close(slot, Counter::flows_refused);
  const bool secure = layer.is_secure;
  if ((secure || layer.is_websocket) && !connections_.begin_handshake(slot)) return;
  layer.stage = layer.is_websocket ? Stage::upgrade : Stage::open;
  if (!secure && !layer.is_websocket) {
    delete flow.stream.layer;
    flow.stream.layer = nullptr;
  }
  ground_.kept.note_layer(slot);
  timers_.arm(slot);
  const Text rest(data + header.size, size - header.size);
  if (rest.empty()) return;
  if (secure) decrypt(slot, rest);
  else deliver(slot, data + header.size, rest.size());
}

// Of a thousand that are ready epoll names some in each turn, in an order that leaves others waiting until their peers give up.
void StreamReader::await_handshake(uint32_t slot) noexcept {
  StreamLayer& layer = *ground_.flows.at(slot).stream.layer;
  if (std::exchange(layer.awaits_turn, true)) return;
  handshakes_.add(ground_.flows.handle(slot), layer.tls != nullptr);
  outbox_.streams().watch_again(slot);
}

void StreamReader::shake_hands() noexcept {
  while (!handshakes_.empty() && turn_.may_shake_hands()) {
    const FlowHandle handle = handshakes_.next();
    Flow* const flow = ground_.flows.find(handle);
    if (flow == nullptr || flow->stream.layer == nullptr || !std::exchange(flow->stream.layer->awaits_turn, false)) continue;
    if (flow->marks & (kMark_deaf | kMark_closing)) continue;
    outbox_.streams().watch_again(handle.slot);
    ground_.kept.reads(handle.slot);
    receive(handle.slot);
    ground_.kept.reads(0);
  }
}

void StreamReader::receive_tls(uint32_t slot) noexcept {
  Flow& flow = ground_.flows.at(slot);
  if (flow.marks & kMark_resumes) return;  // the socket stays readable
  const bool shaking = !flow.stream.layer->tls || !flow.stream.layer->tls->is_open();
  if (shaking && (flow.stream.layer->awaits_turn || !turn_.may_shake_hands())) return await_handshake(slot);
  char* room = turn_.stream_room(kTlsRead + 2 * kTlsRead + kTlsSlack + (flow.stream.in == nullptr ? 0 : flow.stream.in->size));
  if (room == nullptr) return;
  if (flow.stream.layer->record != nullptr) return receive_record(slot);
  const ssize_t n = receive_into(slot, room, kTlsRead);
  if (n == 0) return;
  turn_.use_stream(static_cast<size_t>(n));
  decrypt(slot, Text(room, static_cast<size_t>(n)));
}

// A record that has begun is read into its own buffer, so that trickling octets are not copied over and over.
void StreamReader::receive_record(uint32_t slot) noexcept {
  FlowBuffer*& record = ground_.flows.at(slot).stream.layer->record;
  if (record->done > 0) {
    const Text rest = record->text();
    std::memmove(record->data(), rest.data(), rest.size());
    record->size = static_cast<uint32_t>(rest.size());
    record->done = 0;
  }
  if (record->size == record->capacity && !grow(ground_.pool, record, 2 * record->capacity)) return connections_.close(slot, Counter::flows_refused);
  const ssize_t n = receive_into(slot, record->data() + record->size, std::min<size_t>(record->capacity - record->size, kTlsRead));
  if (n == 0) return;
  record->size += static_cast<uint32_t>(n);
  decrypt(slot, record->text());
}

// `rest` may lie in the buffer of the record. False: the flow is closed.
bool StreamReader::keep_record(uint32_t slot, Text rest) noexcept {
  FlowBuffer*& record = ground_.flows.at(slot).stream.layer->record;
  if (rest.empty()) {
    if (record == nullptr) return true;
    give_back(ground_.pool, record);
    ground_.kept.note_part(slot);
    return true;
  }
  const bool goes_on = record != nullptr && rest.data() == record->text().data();  // it is still the same record
  if (record != nullptr) {
    record->done = record->size - static_cast<uint32_t>(rest.size());
  } else if (!append(ground_.pool, record, rest)) {
    return connections_.close(slot, Counter::flows_refused), false;
  }
  ground_.kept.note_part(slot);
  if (!goes_on) timers_.arm(slot);
  return true;
}

// Its time counts from now: a phone is not to blame for the thousand handshakes before its own.
bool StreamReader::begin_tls(uint32_t slot) noexcept {
  Flow& flow = ground_.flows.at(slot);
  if (connections_.tls() != nullptr) flow.stream.layer->tls = connections_.tls()->accept();
  if (flow.stream.layer->tls) {
    flow.birth = ground_.clock.tick();
    timers_.arm(slot);
    return true;
  }
  connections_.close(slot, Counter::flows_refused);
  return false;
}

// What came with the end of the handshake is for the process that has taken over.
void StreamReader::follow(uint32_t slot, Text plain) noexcept {
  Flow& flow = ground_.flows.at(slot);
  if (!plain.empty()) {
    if (!append(ground_.pool, flow.stream.in, plain)) return connections_.close(slot, Counter::flows_refused);
    flow.marks |= kMark_resumes;
  }
  connections_.leave(slot);
}

void StreamReader::decrypt(uint32_t slot, Text wire) noexcept {
  Flow& flow = ground_.flows.at(slot);
  if (!flow.stream.layer->tls && !begin_tls(slot)) return;
  const FlowHandle handle = ground_.flows.handle(slot);
  std::unique_ptr<TlsSession>& tls = flow.stream.layer->tls;
  const bool was_open = tls->is_open();
  if (!was_open) turn_.shake_hands();
  const size_t held = flow.stream.in == nullptr ? 0 : flow.stream.in->size;
  const size_t most = wire.size() + kTlsSlack;
  char* room = turn_.stream_room(held + most);
  if (room == nullptr) return connections_.close(slot, Counter::flows_refused);
  size_t plain = 0;
  tls_out_.clear();
  TlsResult result = tls->receive(wire, room + held, most, plain, tls_out_);
  const bool opens = !was_open && tls->is_open();
  const bool was_resumed = opens && tls->was_resumed();
  std::unique_ptr<TlsSession> successor = opens ? tls->successor() : nullptr;
  if (successor) {
    ground_.counters.add(Counter::tls_own_records);
    tls = std::move(successor);
    result = tls->receive(wire, room + held, most, plain, tls_out_);
  }
  const bool sent = outbox_.streams().send_records(slot, Text(tls_out_.data(), tls_out_.size()));
  if (result == TlsResult::failed) {
    ground_.counters.add(Counter::tls_failed);
    ground_.alerts.add(Event::tls_failed, flow.remote, 0, tls->fault());
    return connections_.close(slot, Counter::flows_faulty);
  }
  if (!sent) return;  // it is closed at the end of the turn
  if (opens) {
    ground_.counters.add(Counter::tls_handshakes);
    if (was_resumed) ground_.counters.add(Counter::tls_resumed);
    connections_.handshake_done(slot);
    if ((flow.flags & kFlow_dialled) == 0 && is_portable(flow)) ground_.kept.keep(slot);
    if (flow.state != FlowState::connecting) timers_.arm(slot);
    else if (!connections_.opened(slot)) return;
  }
  if (!keep_record(slot, wire)) return;
  if (opens && result == TlsResult::ok && connections_.leaves() && is_portable(flow)) return follow(slot, Text(room + held, plain));
  if (plain > 0 && held + plain < flow.framer.need) {
    if (!grow(ground_.pool, flow.stream.in, flow.framer.need) || !append(ground_.pool, flow.stream.in, Text(room + held, plain)))
      return connections_.close(slot, Counter::flows_refused);
  } else if (plain > 0) {
    if (held > 0) std::memcpy(room, flow.stream.in->data(), held);
    give_back(ground_.pool, flow.stream.in);
    turn_.use_stream(held + plain);
    deliver(slot, room, held + plain);
  }
  if (result == TlsResult::closed && ground_.flows.find(handle) != nullptr) connections_.peer_closed(slot);
}

}  // namespace sluice
