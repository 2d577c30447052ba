#include "core/flow/flow_image.h"

#include <new>

#include "core/base/buffer_image.h"

namespace sluice {
namespace {

constexpr uint32_t kCountedSince = 4;  // the layout

// Which of these follow.
enum Holds : uint8_t { kHolds_in = 1, kHolds_out = 2, kHolds_layer = 4, kHolds_timer = 8 };

uint8_t holds_of(const Flow& flow) noexcept {
  const uint8_t timer = flow.timer.prev != 0 ? kHolds_timer : 0;
  if (flow.kind == FlowKind::udp) return timer;
  return static_cast<uint8_t>((flow.stream.in != nullptr ? kHolds_in : 0) | (flow.stream.out.empty() ? 0 : kHolds_out) | (flow.stream.layer != nullptr ? kHolds_layer : 0) | timer);
}

// Not how far an unfinished head has been searched: the limits may be others now, so it is searched again.
template <typename Image, typename AnyFlow>
void describe_flow(Image& image, AnyFlow& flow) noexcept {
  image.fields(flow.generation, flow.remote, flow.listener, flow.kind, flow.state, flow.flags, flow.marks, flow.last_seen, flow.birth, flow.died, flow.timer.due,
               flow.supervise, flow.pings, flow.waiting, flow.ping_second, flow.messages, flow.waiting_until, flow.framer.crlf, flow.framer.need);
  // With `died`, which is octets_read, all that passed over a connection: who goes on after a crash compares it with what the kernel says.
  if (flow.kind == FlowKind::stream && image.version() >= kCountedSince) image.fields(flow.octets_sent);
}

template <typename Image, typename AnyLayer>
void describe_layer(Image& image, AnyLayer& layer) noexcept {
  image.fields(layer.ws.assembled, layer.ws.fragments, layer.ws.opcode, layer.stage, layer.is_secure, layer.is_websocket, layer.must_have_proxy_header,
               layer.has_handshake_place, layer.pinged, layer.close_sent);
}

void read_layer(ImageReader& image, BufferPool& pool, TlsProvider* tls, FlowDraft& draft) noexcept {
  Flow& flow = draft.flow;
  flow.stream.layer = new (std::nothrow) StreamLayer;
  if (flow.stream.layer == nullptr) return image.fail("there is no memory for its flows");
  StreamLayer& layer = *flow.stream.layer;
  describe_layer(image, layer);
  const size_t held = flow.stream.in == nullptr ? 0 : flow.stream.in->size;
  image.expect(layer.stage <= Stage::open && layer.ws.opcode <= Opcode::binary && layer.ws.assembled <= held, "the state of a WebSocket is out of range");
  layer.record = read_buffer(image, pool);
  const Text state = image.text();
  if (state.empty()) return;
  if (tls != nullptr) layer.tls = tls->resume(state);
  image.expect(layer.tls != nullptr, "the state of a TLS connection is unknown here, or there is no certificate");
}

}  // namespace

bool is_portable(const Flow& flow) noexcept { return flow.kind == FlowKind::udp || flow.stream.layer == nullptr || !flow.stream.layer->tls || !flow.stream.layer->tls->state().empty(); }

void freeze_queue(ImageWriter& image, const UnsentQueue& queue) noexcept {
  const size_t at = image.later();
  uint32_t pieces = 0;
  for (FlowBuffer* buffer = queue.first(); buffer != nullptr; buffer = buffer->next, ++pieces) put_buffer(image, buffer);
  image.set(at, pieces);
}

void read_queue(ImageReader& image, BufferPool& pool, UnsentQueue& queue) noexcept {
  for (uint32_t left = image.count(sizeof(uint32_t)); left > 0; --left) {
    const Text octets = image.text();
    const iovec part{const_cast<char*>(octets.data()), octets.size()};
    if (!queue.append(pool, &part, 1)) return image.fail("it holds more octets than a shard may");
  }
}

void freeze_flow(ImageWriter& image, uint32_t slot, const Flow& flow) noexcept {
  const uint8_t holds = holds_of(flow);
  image.fields(slot, holds);
  describe_flow(image, flow);
  if (holds & kHolds_in) put_buffer(image, flow.stream.in);
  if (holds & kHolds_out) freeze_queue(image, flow.stream.out);
  if ((holds & kHolds_layer) == 0) return;
  describe_layer(image, *flow.stream.layer);
  put_buffer(image, flow.stream.layer->record);
  image.text(flow.stream.layer->tls ? flow.stream.layer->tls->state() : Text());
}

bool read_flow(ImageReader& image, BufferPool& pool, TlsProvider* tls, FlowDraft& draft) noexcept {
  draft = FlowDraft{};
  Flow& flow = draft.flow;
  uint8_t holds = 0;
  image.fields(draft.slot, holds);
  describe_flow(image, flow);
  draft.is_armed = (holds & kHolds_timer) != 0;
  draft.is_counted = image.version() >= kCountedSince;
  const bool is_stream = flow.kind == FlowKind::stream;
  image.expect(is_stream || flow.kind == FlowKind::udp, "the kind of a flow is unknown");
  image.expect(flow.state == FlowState::open || (is_stream && flow.state == FlowState::connecting), "the state of a flow is unknown");
  image.expect(flow.generation != 0, "a flow has no generation");
  image.expect(is_stream || (holds & ~kHolds_timer) == 0, "a UDP flow holds what only a connection may");
  if (holds & kHolds_in) flow.stream.in = read_buffer(image, pool);
  image.expect(flow.framer.crlf < 4, "the framing of a connection is out of range");
  if (holds & kHolds_out) read_queue(image, pool, flow.stream.out);
  if (holds & kHolds_layer) read_layer(image, pool, tls, draft);
  if (image.good()) return true;
  forget_belongings(pool, flow);
  return false;
}

void forget_belongings(BufferPool& pool, Flow& flow) noexcept {
  give_back(pool, flow.stream.in);
  flow.stream.out.clear(pool);
  if (flow.stream.layer == nullptr) return;
  give_back(pool, flow.stream.layer->record);
  delete flow.stream.layer;
  flow.stream.layer = nullptr;
}

}  // namespace sluice
