#include "core/shard/stream_reader.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

#include "core/transport/plain_calls.h"

namespace sluice {
namespace {

// What a full batch leaves unprocessed, after the beginning of a message, must fit in one buffer.
static_assert(kCoreRead + 16 * 1024 + sizeof(FlowBuffer) <= BufferPool::kLargest);

}  // namespace

void StreamReader::event(uint32_t slot, uint32_t events) noexcept {
  ground_.kept.reads(slot);
  handle(slot, events);
  ground_.kept.reads(0);
}

void StreamReader::handle(uint32_t slot, uint32_t events) noexcept {
  Flow& flow = ground_.flows.at(slot);
  if (flow.state == FlowState::connecting) return connected(slot);
  if (events & EPOLLERR) return connections_.close(slot, Counter::flows_closed);
  if ((events & EPOLLOUT) && !outbox_.streams().writable(slot)) return connections_.close(slot, Counter::flows_closed);
  if (flow.marks & (kMark_deaf | kMark_closing)) return;  // it ends with this turn
  if (events & EPOLLIN) return receive(slot);
  if (events & EPOLLHUP) return connections_.close(slot, Counter::flows_closed);
  if (events & EPOLLRDHUP) connections_.peer_closed(slot);
}

void StreamReader::hear_core() noexcept {
  constexpr uint8_t kNotNow = kMark_deaf | kMark_closing | kMark_peer_closed | kMark_resumes;
  connections_.each_to_core([this](uint32_t slot) {
    const Flow& flow = ground_.flows.at(slot);
    if (flow.state == FlowState::open && (flow.marks & kNotNow) == 0) receive(slot);
  });
}

// The number of octets received; 0: none now, or the flow is gone.
ssize_t StreamReader::receive_into(uint32_t slot, char* room, size_t most) noexcept {
  Flow& flow = ground_.flows.at(slot);
  const ssize_t n = plain::recv(flow.fd, room, most, MSG_DONTWAIT);
  return has_received(slot, n, errno) ? n : 0;
}

// False: none now, or the flow is gone.
bool StreamReader::has_received(uint32_t slot, ssize_t n, int error) noexcept {
  if (n > 0) {
    ground_.counters.add(Counter::bytes_in, n);
    Flow& flow = ground_.flows.at(slot);
    flow.last_seen = ground_.clock.tick();
    flow.octets_read += static_cast<uint32_t>(n);
    return true;
  }
  if (n == 0) connections_.peer_closed(slot);
  else if (error != EAGAIN && error != EINTR) connections_.close(slot, Counter::flows_closed);
  return false;
}

// One step after the other: where the next one leads is known when the one before has come, and then all of a step come together.
void StreamReader::fetch(const epoll_event* events, unsigned count) noexcept {
  const auto layer_of = [&](unsigned i) -> StreamLayer* {
    const FlowHandle handle = FlowHandle::of(events[i].data.u64);
    const Flow* const flow = handle.generation == 0 ? nullptr : ground_.flows.find(handle);
    return flow == nullptr ? nullptr : flow->stream.layer;
  };
  for (unsigned i = 0; i < count; ++i) __builtin_prefetch(layer_of(i));
  for (unsigned i = 0; i < count; ++i)
    if (const StreamLayer* const layer = layer_of(i)) __builtin_prefetch(layer->tls.get());
}

unsigned StreamReader::readable(const epoll_event* events, unsigned count) noexcept {
  const unsigned together = joint_.run(events, count);
  for (unsigned i = 0; i < together; ++i) {
    const JointReads::Read& read = joint_.at(i);
    ground_.kept.reads(read.flow.slot);
    joint_.deals_with(i);
    take(read);
  }
  if (together > 0) {
    joint_.end();
    ground_.kept.reads(0);
  }
  return together;
}

// All are taken, even if the turn is full: what it has no place for is resumed.
void StreamReader::take(const JointReads::Read& read) noexcept {
  Flow* const flow = ground_.flows.find(read.flow);
  if (flow == nullptr || (flow->marks & (kMark_deaf | kMark_closing))) return;  // what another one sent ended it
  const uint32_t slot = read.flow.slot;
  if (!has_received(slot, read.result, static_cast<int>(-read.result))) return;
  const size_t size = static_cast<size_t>(read.result);
  if (flow->stream.layer != nullptr && flow->stream.layer->is_secure) return decrypt(slot, Text(read.room, size));
  if (read.held > 0) std::memcpy(read.room, flow->stream.in->data(), read.held);
  give_back(ground_.pool, flow->stream.in);
  deliver(slot, read.room, read.held + size);
}

void StreamReader::receive(uint32_t slot) noexcept {
  Flow& flow = ground_.flows.at(slot);
  if (flow.stream.layer != nullptr && flow.stream.layer->is_secure && flow.stream.layer->stage != Stage::proxy_header) return receive_tls(slot);
  const size_t want = flow.flags & kFlow_core ? kCoreRead : kClientRead;
  const size_t held = flow.stream.in == nullptr ? 0 : flow.stream.in->size;
  if (flow.framer.need > held && (flow.marks & kMark_resumes) == 0) return receive_long(slot);
  char* room = turn_.stream_room(held + want);
  if (room == nullptr) return;  // the socket stays readable for the next turn
  const ssize_t n = receive_into(slot, room + held, want);
  if (n == 0) return;
  if (held > 0) std::memcpy(room, flow.stream.in->data(), held);
  give_back(ground_.pool, flow.stream.in);
  turn_.use_stream(held + static_cast<size_t>(n));
  deliver(slot, room, held + static_cast<size_t>(n));
}

// A long, incomplete message is read into its own buffer, so that trickling octets are not copied over and over.
void StreamReader::receive_long(uint32_t slot) noexcept {
  Flow& flow = ground_.flows.at(slot);
  if (!grow(ground_.pool, flow.stream.in, flow.framer.need)) return connections_.close(slot, Counter::flows_refused);
  const ssize_t n = receive_into(slot, flow.stream.in->data() + flow.stream.in->size, flow.framer.need - flow.stream.in->size);
  if (n == 0) return;
  flow.stream.in->size += static_cast<uint32_t>(n);
  if (flow.stream.in->size >= flow.framer.need) resume_later(slot);
}

void StreamReader::resume_later(uint32_t slot) noexcept {
  Flow& flow = ground_.flows.at(slot);
  if ((flow.marks & kMark_resumes) == 0) resumes_.push_back(ground_.flows.handle(slot));
  flow.marks |= kMark_resumes;
}

void StreamReader::resume() noexcept {
  while (!resumes_.empty() && !turn_.full()) {
    const FlowHandle handle = resumes_.back();
    Flow* flow = ground_.flows.find(handle);
    const bool resumes = flow != nullptr && (flow->marks & kMark_resumes) != 0 && (flow->marks & (kMark_deaf | kMark_closing)) == 0;
    const bool is_sealed = resumes && flow->stream.in == nullptr && has_records(*flow);
    if (!resumes || (flow->stream.in == nullptr && !is_sealed)) {
      resumes_.pop_back();
      continue;
    }
    const Text held = is_sealed ? flow->stream.layer->record->text() : flow->stream.in->text();
    char* const room = turn_.stream_room(held.size() + (is_sealed ? kTlsSlack : 0));
    if (room == nullptr) return;
    resumes_.pop_back();
    flow->marks &= static_cast<uint8_t>(~kMark_resumes);
    ground_.kept.reads(handle.slot);
    if (is_sealed) {
      decrypt(handle.slot, held);
    } else {
      held.copy(room, held.size());
      turn_.use_stream(held.size());
      give_back(ground_.pool, flow->stream.in);
      deliver(handle.slot, room, held.size());
    }
    ground_.kept.reads(0);
  }
}

// Left by a process that has crashed: records that it had read and not opened.
bool StreamReader::has_records(const Flow& flow) noexcept { return flow.stream.layer != nullptr && flow.stream.layer->is_secure && flow.stream.layer->record != nullptr; }

void StreamReader::deliver(uint32_t slot, char* data, size_t size) noexcept {
  const StreamLayer* layer = ground_.flows.at(slot).stream.layer;
  if (layer == nullptr || (layer->stage == Stage::open && !layer->is_websocket)) return frame(slot, data, size);
  switch (layer->stage) {
    case Stage::proxy_header: return take_proxy_header(slot, data, size);
    case Stage::upgrade: return take_upgrade(slot, data, size);
    case Stage::open: return frame_websocket(slot, data, size);
  }
}

void StreamReader::frame(uint32_t slot, char* data, size_t size) noexcept {
  Flow& flow = ground_.flows.at(slot);
  bool whole = false;
  while (size > 0 && !turn_.full()) {
    Message& message = turn_.next().message;
    const Frame frame = next_frame(flow.framer, data, size, ground_.config.limits.scan, message);
    data += frame.consumed;
    size -= frame.consumed;
    if (frame.kind == FrameKind::more) break;
    if (frame.kind == FrameKind::ping) {
      // RFC 5626 4.4.1.
      if (may_ping(slot)) outbox_.streams().add(slot, "\r\n", Text());
      if (flow.marks & kMark_closing) return;
      continue;
    }
    whole = true;
    if (frame.kind == FrameKind::broken) {
      close_after_answer(slot);
      if (message.error == ScanError::not_sip) ground_.counters.add(Counter::not_sip);
      else intake_.take(source_of_flow(ground_.config, slot, flow), false);
      return;
    }
    flow.marks |= kMark_spoke;
    ground_.kept.takes(1);
    intake_.take(source_of_flow(ground_.config, slot, flow), false);
  }
  keep_unfinished(slot, Text(data, size), whole);
}

// Anything that follows is meaningless, so read nothing until the turn has sent its response and closes the flow.
void StreamReader::close_after_answer(uint32_t slot) noexcept {
  Flow& flow = ground_.flows.at(slot);
  flow.marks |= kMark_deaf;
  flow.marks &= static_cast<uint8_t>(~kMark_partial);
  ground_.closing.add(ground_.flows.handle(slot), Counter::flows_faulty);
}

// Keeps what is incomplete or what the turn has no place for. `whole`: something complete came before it.
void StreamReader::keep_unfinished(uint32_t slot, Text rest, bool whole) noexcept {
  Flow& flow = ground_.flows.at(slot);
  if (rest.empty()) {
    flow.marks &= static_cast<uint8_t>(~kMark_partial);
    return;
  }
  if (!append(ground_.pool, flow.stream.in, rest)) return connections_.close(slot, Counter::flows_refused);
  if (turn_.full()) {
    resume_later(slot);
  } else if (whole || (flow.marks & kMark_partial) == 0) {
    flow.marks |= kMark_partial;
    timers_.arm(slot);
  }
}

// Counts a keep-alive; true: answer it.
bool StreamReader::may_ping(uint32_t slot) noexcept {
  Flow& flow = ground_.flows.at(slot);
  const uint32_t second = ground_.clock.tick() / Clock::kTicksPerSecond;
  const uint32_t most = ground_.config.limits.pings_per_second;
  if (flow.ping_second != second) {
    flow.ping_second = second;
    flow.pings = 0;
  }
  if (++flow.pings > most * 10) {
    ground_.alerts.add(Event::ping_flood, flow.remote, flow.pings);
    flow.marks |= kMark_closing;
    ground_.closing.add(ground_.flows.handle(slot), Counter::flows_faulty);
    return false;
  }
  ground_.counters.add(Counter::pings);
  // Beyond the allowed rate, a ping is still a sign of life but gets no answer.
  return flow.pings <= most;
}

}  // namespace sluice
