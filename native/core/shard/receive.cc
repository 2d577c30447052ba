// Receiving: datagrams, streams and what other shards hand over become scanned messages with their records.
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "core/shard/shard.h"
#include "core/transport/stun.h"

namespace sluice {
namespace {

constexpr size_t kClientRead = 64 * 1024;
constexpr size_t kCoreRead = 96 * 1024;
// What a full batch leaves unread, with the beginning of a message before it, must fit into one buffer.
static_assert(kCoreRead + 16 * 1024 + sizeof(FlowBuffer) <= BufferPool::kLargest);
constexpr size_t kBlankDatagram = 16;
constexpr size_t kMaxAlerts = 64;
constexpr unsigned kTurnsWithoutPolicy = 32;

bool is_blank(const char* data, size_t size) noexcept {
  if (size > kBlankDatagram) return false;
  for (size_t i = 0; i < size; ++i)
    if (data[i] != '\r' && data[i] != '\n' && data[i] != '\0' && data[i] != ' ') return false;
  return true;
}

}  // namespace

unsigned Shard::collect() noexcept {
  // A turn may hold nothing for the policy, only keep-alives: then the next one follows at once, within a bound.
  for (unsigned turn = 0; turn < kTurnsWithoutPolicy; ++turn) {
    count_ = 0;
    stream_used_ = 0;
    scratch_used_ = 0;
    datagrams_used_ = 0;
    handshakes_left_ = kHandshakesPerTurn;
    custom_.clear();
    take_ring();
    resume_streams();
    if (event_at_ == event_count_) {
      const int n = epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), 0);
      event_at_ = 0;
      event_count_ = n > 0 ? n : 0;
    }
    const bool idle = event_count_ == 0 && resumes_.empty();
    while (event_at_ < event_count_ && count_ < k_batch_size) receive_event(events_[static_cast<size_t>(event_at_++)]);
    std::memset(verdicts_, 0, count_ * k_verdict_fields * sizeof(int32_t));
    if (count_ > 0) return count_;
    execute();
    if (idle) return 0;
  }
  return 0;
}

Text Shard::message_text(unsigned item) const noexcept {
  const Message& message = items_[item].message;
  return Text(message.data, message.size);
}

void Shard::receive_datagrams(uint16_t listener) noexcept {
  const unsigned room = k_batch_size - (count_ > datagrams_used_ ? count_ : datagrams_used_);
  if (room == 0) return;  // the socket stays readable for the next turn
  mmsghdr headers[k_batch_size];
  iovec parts[k_batch_size];
  sockaddr_storage peers[k_batch_size];
  // One arena serves all UDP sockets of a turn: what is taken already stays below.
  for (unsigned i = 0; i < room; ++i) {
    parts[i] = {datagram_arena_.get() + (datagrams_used_ + i) * kDatagramStride, kDatagram};
    headers[i] = mmsghdr{};
    headers[i].msg_hdr.msg_iov = &parts[i];
    headers[i].msg_hdr.msg_iovlen = 1;
    headers[i].msg_hdr.msg_name = &peers[i];
    headers[i].msg_hdr.msg_namelen = sizeof peers[i];
  }
  const int n = recvmmsg(sockets_[listener], headers, room, MSG_DONTWAIT, nullptr);
  if (n > 0) datagrams_used_ += static_cast<unsigned>(n);
  for (int i = 0; i < n; ++i) {
    if (headers[i].msg_hdr.msg_flags & MSG_TRUNC) {
      counters_.add(Counter::malformed);
      continue;
    }
    const Address from = from_sockaddr(reinterpret_cast<const sockaddr*>(&peers[i]));
    take_datagram(listener, from, static_cast<char*>(parts[i].iov_base), headers[i].msg_len);
  }
}

void Shard::take_datagram(uint16_t listener, const Address& from, char* data, size_t size) noexcept {
  counters_.add(Counter::bytes_in, static_cast<int64_t>(size));
  if (bans_.holds(from)) return counters_.add(Counter::banned);
  const uint32_t slot = flows_.find_udp(from, listener);
  if (slot != 0) flows_.at(slot).last_seen = now_tick_;
  if (is_blank(data, size)) {
    counters_.add(Counter::datagram_keepalives);
    return;
  }
  if (static_cast<uint8_t>(data[0]) <= 1) {
    Writer out = scratch();
    uint8_t answer[kMaxStunReply];
    size_t answer_size = 0;
    const StunResult result = answer_stun(reinterpret_cast<const uint8_t*>(data), size, from, answer, &answer_size);
    counters_.add(result == StunResult::reply ? Counter::stun : Counter::stun_ignored);
    if (result != StunResult::reply) return;
    out.put(Text(reinterpret_cast<const char*>(answer), answer_size));
    if (out.full()) return;
    scratch_used_ += out.size();
    datagrams_[listener].add(from, out.text(), Text(), counters_);
    return;
  }
  // RFC 3261 7.5: CRLFs before the start line mean nothing.
  while (size > 0 && (*data == '\r' || *data == '\n')) {
    ++data;
    --size;
  }
  Item& item = items_[count_];
  scan(data, size, find_head_end(data, size, 0), Carrier::datagram, config_.limits.scan, item.message);
  Source source;
  source.remote = from;
  source.listener = listener;
  source.kind = FlowKind::udp;
  source.transport = Transport::udp;
  source.shard = config_.shard;
  source.slot = slot;
  if (slot != 0) {
    source.flow_flags = flows_.at(slot).flags;
    source.birth = flows_.at(slot).birth;
  }
  const Facing facing = config_.listeners[listener].facing;
  source.from_core = facing == Facing::core || (facing == Facing::both && is_trusted(config_, from));
  take_message(source, false);
}

Source Shard::source_of_flow(uint32_t slot) noexcept {
  const Flow& flow = flows_.at(slot);
  Source source;
  source.remote = flow.remote;
  source.listener = flow.listener;
  source.kind = flow.kind;
  const bool dialled = flow.flags & kFlow_dialled;
  source.transport = !dialled ? config_.listeners[flow.listener].transport : flow.layer != nullptr ? Transport::tls : Transport::tcp;
  source.shard = config_.shard;
  source.from_core = (flow.flags & kFlow_core) != 0;
  source.flow_flags = flow.flags;
  source.slot = slot;
  source.generation = flow.generation;
  source.birth = flow.birth;
  return source;
}

char* Shard::stream_room(size_t octets) noexcept {
  return kStreamArena - stream_used_ < octets ? nullptr : stream_arena_.get() + stream_used_;
}

void Shard::receive_stream(uint32_t slot) noexcept {
  Flow& flow = flows_.at(slot);
  if (flow.layer != nullptr && flow.layer->is_secure && flow.layer->stage != Stage::proxy_header) return receive_tls(slot);
  const size_t want = flow.flags & kFlow_core ? kCoreRead : kClientRead;
  const size_t held = flow.in == nullptr ? 0 : flow.in->size;
  // A long message that is far from whole is read into its own buffer, so that trickled octets are not copied over and over.
  if (flow.framer.need > held && (flow.marks & kMark_resumes) == 0) {
    if (!grow(pool_, flow.in, flow.framer.need)) return close_flow(slot, Counter::flows_refused);
    const ssize_t n = recv(flow.fd, flow.in->data() + flow.in->size, flow.framer.need - flow.in->size, MSG_DONTWAIT);
    if (n == 0) return peer_closed(slot);
    if (n < 0) return errno == EAGAIN || errno == EINTR ? void() : close_flow(slot, Counter::flows_closed);
    counters_.add(Counter::bytes_in, n);
    flow.last_seen = now_tick_;
    flow.in->size += static_cast<uint32_t>(n);
    if (flow.in->size < flow.framer.need) return;
    flow.marks |= kMark_resumes;
    resumes_.push_back(slot);
    return;
  }
  char* room = stream_room(held + want);
  if (room == nullptr) return;  // the socket stays readable for the next turn
  if (held > 0) std::memcpy(room, flow.in->data(), held);
  const ssize_t n = recv(flow.fd, room + held, want, MSG_DONTWAIT);
  if (n == 0) return peer_closed(slot);
  if (n < 0) return errno == EAGAIN || errno == EINTR ? void() : close_flow(slot, Counter::flows_closed);
  counters_.add(Counter::bytes_in, n);
  flow.last_seen = now_tick_;
  give_back(pool_, flow.in);
  stream_used_ += held + static_cast<size_t>(n);
  deliver(slot, room, held + static_cast<size_t>(n));
}

void Shard::resume_streams() noexcept {
  while (!resumes_.empty() && count_ < k_batch_size) {
    const uint32_t slot = resumes_.back();
    Flow& flow = flows_.at(slot);
    if (flow.state == FlowState::free_slot || (flow.marks & kMark_resumes) == 0 || flow.in == nullptr) {
      resumes_.pop_back();
      continue;
    }
    const size_t held = flow.in->size;
    char* room = stream_room(held);
    if (room == nullptr) return;
    resumes_.pop_back();
    flow.marks &= static_cast<uint8_t>(~kMark_resumes);
    std::memcpy(room, flow.in->data(), held);
    give_back(pool_, flow.in);
    stream_used_ += held;
    deliver(slot, room, held);
  }
}

void Shard::frame_stream(uint32_t slot, char* data, size_t size) noexcept {
  Flow& flow = flows_.at(slot);
  bool whole = false;
  while (size > 0 && count_ < k_batch_size) {
    const Frame frame = next_frame(flow.framer, data, size, config_.limits.scan, items_[count_].message);
    data += frame.consumed;
    size -= frame.consumed;
    if (frame.kind == FrameKind::more) break;
    if (frame.kind == FrameKind::ping) {
      ping(slot);
      if (flow.marks & kMark_closing) return;
      continue;
    }
    whole = true;
    if (frame.kind == FrameKind::broken) {
      closing_after_answer_.push_back(slot);
      flow.marks &= static_cast<uint8_t>(~kMark_partial);
      if (items_[count_].message.error == ScanError::not_sip) counters_.add(Counter::not_sip);
      else take_message(source_of_flow(slot), false);
      return;
    }
    flow.marks |= kMark_spoke;
    take_message(source_of_flow(slot), false);
  }
  keep_unfinished(slot, Text(data, size), whole);
}

// Keeps what is not whole yet, or what the turn had no place for. `whole`: something whole stood before it.
void Shard::keep_unfinished(uint32_t slot, Text rest, bool whole) noexcept {
  Flow& flow = flows_.at(slot);
  if (rest.empty()) {
    flow.marks &= static_cast<uint8_t>(~kMark_partial);
    return;
  }
  if (!append(pool_, flow.in, rest)) return close_flow(slot, Counter::flows_refused);
  if (count_ == k_batch_size) {
    if ((flow.marks & kMark_resumes) == 0) resumes_.push_back(slot);
    flow.marks |= kMark_resumes;
  } else if (whole || (flow.marks & kMark_partial) == 0) {
    flow.marks |= kMark_partial;
    arm_flow(slot);
  }
}

void Shard::ping(uint32_t slot) noexcept {
  // RFC 5626 4.4.1.
  if (may_ping(slot)) streams_.add(slot, "\r\n", Text());
}

// Counts a keep-alive; true when it is to be answered.
bool Shard::may_ping(uint32_t slot) noexcept {
  Flow& flow = flows_.at(slot);
  const uint32_t second = now_tick_ / (1000 / kTickMs);
  if (flow.ping_second != second) {
    flow.ping_second = second;
    flow.pings = 0;
  }
  if (++flow.pings > config_.limits.pings_per_second * 10) {
    alert(Event::ping_flood, flow.remote, flow.pings, Text());
    close_flow(slot, Counter::flows_faulty);
    return false;
  }
  counters_.add(Counter::pings);
  // Beyond the agreed rate a ping is still a life sign, but gets no answer.
  return flow.pings <= config_.limits.pings_per_second;
}

void Shard::take_message(const Source& source, bool crossed) noexcept {
  Item& item = items_[count_];
  item.source = source;
  item.crossed = crossed;
  item.tapped = 0;
  item.facts = Facts{};
  Message& message = item.message;
  if (source.slot != 0 && !crossed) ++flows_.at(source.slot).messages;
  if (tap_ != nullptr) tap_received(item);
  int32_t* record = &records_[count_ * k_record_fields];
  if (message.error != ScanError::none) {
    counters_.add(Counter::malformed);
    alert(Event::malformed, source.remote, static_cast<int32_t>(message.error), Text(message.data, message.size < 200 ? message.size : 200));
  }
  if (message.is_request) {
    if (!crossed) counters_.add(Counter::requests_in);
    if (source.from_core) upstream_heard(source.remote, source.transport);
    const Surroundings around{config_, keys_, upstreams_, flows_, birth_now()};
    read_request_facts(around, message, source, item.facts, record);
    for (int32_t i = 0; i < record[kRecord_own_routes] && !crossed; ++i) {
      const RouteKind kind = item.facts.routes[i].kind;
      if (kind == RouteKind::gone) counters_.add(Counter::tokens_gone);
      if (kind != RouteKind::forged) continue;
      counters_.add(Counter::tokens_forged);
      alert(Event::forged_token, source.remote, 0, Text());
    }
    ++count_;
    return;
  }
  if (message.error != ScanError::none) return;
  if (!crossed) counters_.add(Counter::responses_in);
  Via& via = item.facts.top_via;
  NextHop answered_by;
  answered_by.core = source.from_core;
  answered_by.kind = source.kind;
  answered_by.listener = source.listener;
  answered_by.slot = source.slot;
  answered_by.generation = source.generation;
  answered_by.remote = source.remote;
  ReturnPath& back = item.facts.back;
  // RFC 3261 16.11 and 18.1.2: what is not an answer to something that we sent is dropped in silence.
  const bool ours = message.read_top_via(via) && is_own_host(config_, via.host, via.port == 0 ? 5060 : via.port);
  if (ours && take_object_answer(source, crossed)) return;
  if (!ours || !read_branch(config_, via.branch, answered_by, back)) {
    counters_.add(Counter::unsolicited_responses);
    return;
  }
  if (back.keeper != config_.shard && back.keeper < config_.shards && !crossed) {
    hand_over(back.keeper, count_);
    return;
  }
  upstream_heard(source.remote, source.transport);
  if (back.kind == BackKind::probe) return;
  read_response_facts(message, source, item.facts, record);
  ++count_;
}

void Shard::take_ring() noexcept {
  Ring& ring = *rings_[config_.shard];
  while (count_ < k_batch_size) {
    size_t size = 0;
    const uint8_t* record = ring.front(size);
    if (record == nullptr) return;
    RingHead head;
    std::memcpy(&head, record, sizeof head);
    const size_t octets = size - sizeof head;
    char* room = stream_room(octets);
    if (room == nullptr) return;
    std::memcpy(room, record + sizeof head, octets);
    ring.pop();
    stream_used_ += octets;
    if (head.kind == RingHead::stream_octets) {
      Flow* flow = head.slot != 0 && head.slot < flows_.slots() ? &flows_.at(head.slot) : nullptr;
      if (flow == nullptr || flow->generation != head.generation || flow->state == FlowState::free_slot) continue;
      if (flow->waiting > 0) --flow->waiting;
      streams_.add(head.slot, Text(room, octets), Text());
      continue;
    }
    if (head.kind != RingHead::message) {
      take_object_record(head, Text(room, octets));
      continue;
    }
    scan(room, octets, find_head_end(room, octets, 0), Carrier::datagram, config_.limits.scan, items_[count_].message);
    take_message(head.source, true);
  }
}

bool Shard::hand_over(uint8_t shard, unsigned i) noexcept {
  const Item& item = items_[i];
  RingHead head{};
  head.kind = RingHead::message;
  head.source = item.source;
  const iovec parts[2] = {{&head, sizeof head}, {const_cast<char*>(item.message.data), item.message.size}};
  return push_to(shard, parts, 2);
}

bool Shard::push_to(uint8_t shard, const iovec* parts, int count) noexcept {
  bool wake = false;
  if (!rings_[shard]->push(parts, static_cast<size_t>(count), wake)) {
    counters_.add(Counter::ring_full);
    return false;
  }
  counters_.add(Counter::crossed);
  const uint64_t one = 1;
  if (wake && write(wakes_[shard], &one, sizeof one) < 0) return true;  // full counter: it wakes anyway
  return true;
}

void Shard::alert(Event event, const Address& peer, int32_t number, Text sample) noexcept {
  if (alerts_.size() >= kMaxAlerts) return;
  Alert alert{};
  alert.event = event;
  alert.peer = peer;
  alert.number = number;
  alert.sample_size = static_cast<uint16_t>(sample.size() < sizeof alert.sample ? sample.size() : sizeof alert.sample);
  if (alert.sample_size > 0) std::memcpy(alert.sample, sample.data(), alert.sample_size);
  alerts_.push_back(alert);
}

}  // namespace sluice
