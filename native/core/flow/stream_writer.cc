#include "core/flow/stream_writer.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/utf8.h"
#include "core/transport/plain_calls.h"

namespace sluice {
namespace {

constexpr size_t kMaxEntries = CallRing::kMost;
static_assert(kMaxEntries <= UINT16_MAX && kMaxEntries <= KeptHand::kMostWrites);
constexpr size_t kMaxParts = 128;
constexpr size_t kRecord = 16 * 1024;         // most plaintext in one TLS record
constexpr size_t kSealedRoom = 256 * 1024;
constexpr size_t kSealedStep = 64;            // so that each record begins in a line of its own
static_assert(kSealedRoom % kSealedStep == 0);
constexpr size_t kKeptRecords = 256 * 1024;   // capacity kept for the next turn
constexpr size_t kKeptLong = 64 * 1024;       // the same, of each write
constexpr size_t kKeysAhead = 4;              // connections whose keys come from memory while others seal

iovec part_of(Text text) noexcept { return {const_cast<char*>(text.data()), text.size()}; }

ssize_t send_parts(int fd, iovec* parts, size_t count) noexcept {
  if (count == 1) return plain::send(fd, parts->iov_base, parts->iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);  // spares the kernel copying the descriptions
  msghdr header{};
  header.msg_iov = parts;
  header.msg_iovlen = count;
  return plain::sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

bool would_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS; }

}  // namespace

StreamWriter::StreamWriter(const FlowLimits& limits, FlowTable& flows, BufferPool& pool, Counters& counters, CloseList& closing) noexcept
    : limits_(limits), flows_(flows), pool_(pool), counters_(counters), closing_(closing), sealed_(new char[kSealedRoom]) {
  entries_.reserve(kMaxEntries);
  writes_.reserve(kMaxEntries);
  parts_.reserve(3 * kMaxEntries);  // never more, so what points to one stays right
  long_.resize(kMaxEntries);
}

void StreamWriter::add(uint32_t slot, Text head, Text body) noexcept {
  const Flow& flow = flows_.at(slot);
  if (flow.stream.layer == nullptr || !flow.stream.layer->is_websocket) return queue(slot, Text(), head, body);
  // RFC 7118 4.2: send as text whatever may be text, because that is what browser stacks expect.
  add_frame(slot, is_utf8(head, body) ? Opcode::text : Opcode::binary, head, body);
}

void StreamWriter::add_frame(uint32_t slot, Opcode opcode, Text head, Text body) noexcept {
  char header[kMaxServerHeader];
  queue(slot, Text(header, write_ws_header(opcode, head.size() + body.size(), header)), head, body);
}

void StreamWriter::queue(uint32_t slot, Text frame, Text head, Text body) noexcept {
  Flow& flow = flows_.at(slot);
  if (flow.marks & kMark_closing) return;
  counters_.add(Counter::bytes_out, static_cast<int64_t>(frame.size() + head.size() + body.size()));
  if (flow.state == FlowState::connecting || !flow.stream.out.empty()) {
    const iovec parts[3] = {part_of(frame), part_of(head), part_of(body)};
    if (flow.stream.layer != nullptr && flow.stream.layer->tls && flow.state != FlowState::connecting) {
      if (!encrypt(*flow.stream.layer->tls, parts, 3) || !keep(slot, Text(records_.data(), records_.size()))) fail(slot);
      flow.octets_sent += static_cast<uint32_t>(records_.size());
      return;
    }
    if (!keep(slot, parts, 3)) fail(slot);
    flow.octets_sent += static_cast<uint32_t>(frame.size() + head.size() + body.size());
    return;
  }
  if (entries_.size() == kMaxEntries) flush();
  uint16_t& last = last_[slot % kChains];
  if (last != 0) entries_[last - 1u].next = static_cast<uint16_t>(entries_.size());
  Entry& entry = entries_.emplace_back(Entry{slot, flow.generation, head, body, 0, static_cast<uint8_t>(frame.size()), {}});
  last = static_cast<uint16_t>(entries_.size());
  if (!frame.empty()) frame.copy(entry.frame, sizeof entry.frame);
  if (flow.stream.layer == nullptr || !flow.stream.layer->tls) return;
  seals_ = true;
  __builtin_prefetch(flow.stream.layer->tls.get());
}

// Of a connection that the turn has not read from, nothing is in a cache.
void StreamWriter::fetch_keys(size_t i) noexcept {
  if (i >= entries_.size()) return;
  const Flow* const flow = flows_.find({entries_[i].slot, entries_[i].generation});
  if (flow != nullptr && flow->stream.layer != nullptr && flow->stream.layer->tls) flow->stream.layer->tls->fetch(true);
}

void StreamWriter::flush() noexcept {
  for (size_t i = 0; seals_ && i < kKeysAhead; ++i) fetch_keys(i);
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (seals_) fetch_keys(i + kKeysAhead);
    if (entries_[i].slot == 0) continue;
    // What is left of a connection whose parts are too many must not overtake them.
    if (!gather(i)) write_gathered();
  }
  write_gathered();
  if (!entries_.empty()) std::memset(last_, 0, sizeof last_);
  entries_.clear();
  seals_ = false;
  if (records_.capacity() > kKeptRecords) records_ = std::vector<char>();
}

void StreamWriter::write_gathered() noexcept {
  // For one write, the plain call is cheaper.
  const bool by_ring = writes_.size() > 1 && ring_.is_open();
  unsigned count = 0;
  for (Write& one : writes_) {
    one.in_ring = by_ring && flows_.at(one.slot).stream.out.empty();
    if (one.in_ring) ring_.write(flows_.at(one.slot).fd, &parts_[one.first_part], one.parts);
  }
  if (by_ring) ring_.run();
  for (const Write& one : writes_) write(one, one.in_ring ? ring_.result(count++) : CallRing::kNotDone);
  if (KeptHand* const hand = flows_.hand()) hand->has_written();
  // There are hundreds of them, and each could once have held all that a turn sends.
  for (; long_used_ > 0; --long_used_)
    if (long_[long_used_ - 1].capacity() > kKeptLong) long_[long_used_ - 1] = std::vector<char>();
  sealed_used_ = 0;
  writes_.clear();
  parts_.clear();
}

// Records that stay until what is gathered has been written. False: the session has failed.
bool StreamWriter::seal(TlsSession& tls, const iovec* parts, size_t count, size_t octets, Text& sealed) noexcept {
  if (octets + kTlsRecordExtra <= kSealedRoom - sealed_used_) {
    char* const room = sealed_.get() + sealed_used_;
    sealed = Text(room, tls.send_parts(parts, count, octets, room));
    sealed_used_ += (sealed.size() + kSealedStep - 1) / kSealedStep * kSealedStep;
    if (!sealed.empty()) return true;
  }
  if (!encrypt(tls, parts, count)) return false;
  std::vector<char>& records = long_[long_used_++];
  records.swap(records_);
  sealed = Text(records.data(), records.size());
  return true;
}

// Small parts share records, because each record costs a header, a tag and a pass through the cipher.
bool StreamWriter::encrypt(TlsSession& tls, const iovec* parts, size_t count) noexcept {
  records_.clear();
  char joined[kRecord];
  size_t held = 0;
  for (size_t i = 0; i < count; ++i) {
    Text rest(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
    while (!rest.empty()) {
      const size_t size = rest.size() < kRecord - held ? rest.size() : kRecord - held;
      rest.copy(joined + held, size);
      rest.remove_prefix(size);
      held += size;
      if (held < kRecord) break;
      if (!tls.send(Text(joined, held), records_)) return false;
      held = 0;
    }
  }
  return held == 0 || tls.send(Text(joined, held), records_);
}

bool StreamWriter::send_records(uint32_t slot, Text records) noexcept {
  Flow& flow = flows_.at(slot);
  if (records.empty()) return true;
  if (flow.marks & kMark_closing) return false;
  flow.octets_sent += static_cast<uint32_t>(records.size());
  // What a dialled connection holds back before TLS is open is plaintext; the handshake records overtake it.
  const bool opening = flow.state == FlowState::connecting;
  if (flow.stream.out.empty() || opening) {
    ssize_t n;
    do n = plain::send(flow.fd, records.data(), records.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n > 0) records.remove_prefix(static_cast<size_t>(n));
    if (n < 0 && !would_block(errno)) return fail(slot), false;
  }
  if (records.empty()) return true;
  if (!opening && keep(slot, records)) return true;
  fail(slot);
  return false;
}

bool StreamWriter::opened(uint32_t slot) noexcept {
  Flow& flow = flows_.at(slot);
  if (flow.stream.layer == nullptr || !flow.stream.layer->tls) return writable(slot);
  if (flow.stream.out.empty()) return true;
  UnsentQueue waited = std::exchange(flow.stream.out, UnsentQueue());
  bool sent = true;
  iovec parts[kMaxParts];
  while (sent && !waited.empty()) {
    const size_t count = waited.gather(parts, kMaxParts);
    size_t octets = 0;
    for (size_t i = 0; i < count; ++i) octets += parts[i].iov_len;
    sent = encrypt(*flow.stream.layer->tls, parts, count) && send_records(slot, Text(records_.data(), records_.size()));
    waited.consume(pool_, octets);
  }
  waited.clear(pool_);
  return sent;
}

// What a turn writes for the core stands one after the other in memory: it is described to the kernel once, not message by message.
void StreamWriter::add_part(Text text, size_t first) noexcept {
  if (parts_.size() > first) {
    iovec& last = parts_.back();
    if (static_cast<const char*>(last.iov_base) + last.iov_len == text.data()) {
      last.iov_len += text.size();
      return;
    }
  }
  parts_.push_back(part_of(text));
}

// All entries of the connection of this one become one write; over TLS they are sealed. False: perhaps not all.
bool StreamWriter::gather(size_t first) noexcept {
  const uint32_t slot = entries_[first].slot;
  Flow* const known = flows_.find({slot, entries_[first].generation});
  if (known == nullptr || (known->marks & kMark_closing)) {
    entries_[first].slot = 0;
    return true;
  }
  Flow& flow = *known;
  Write one{slot, flow.generation, parts_.size(), 0, 0, false};
  for (size_t i = first, next = 1; next != 0 && parts_.size() - one.first_part + 3 <= kMaxParts; i = next) {
    Entry& entry = entries_[i];
    next = entry.next;
    if (entry.slot != slot || entry.generation != flow.generation) continue;
    if (entry.frame_size > 0) parts_.push_back({entry.frame, entry.frame_size});
    add_part(entry.head, one.first_part);
    if (!entry.body.empty()) add_part(entry.body, one.first_part);
    one.octets += entry.frame_size + entry.head.size() + entry.body.size();
    entry.slot = 0;
  }
  one.parts = parts_.size() - one.first_part;
  const bool is_full = one.parts + 3 > kMaxParts;
  // Before its records take numbers that the peer has not seen. From here until all has gone, the count is not the kernel's: after a crash the
  // connection goes on as it is now if the kernel has taken none of it, and otherwise nobody goes on with it (revival.cc).
  if (KeptHand* const hand = flows_.hand()) hand->will_write(slot, flow.generation, flow.octets_sent, flow.stream.layer != nullptr && flow.stream.layer->tls ? flow.stream.layer->tls->state() : Text());
  flow.octets_sent += static_cast<uint32_t>(one.octets);
  if (flow.stream.layer != nullptr && flow.stream.layer->tls) {
    Text sealed;
    if (!seal(*flow.stream.layer->tls, &parts_[one.first_part], one.parts, one.octets, sealed)) return fail(slot), true;
    parts_.resize(one.first_part);
    parts_.push_back(part_of(sealed));
    one.parts = 1;
    flow.octets_sent += static_cast<uint32_t>(sealed.size() - one.octets);
    one.octets = sealed.size();
  }
  writes_.push_back(one);
  return !is_full;
}

// `done`: what the ring has written of it, or -errno.
void StreamWriter::write(const Write& one, ssize_t done) noexcept {
  Flow& flow = flows_.at(one.slot);
  if (flow.marks & kMark_closing) return;  // an earlier write of this flush has failed
  iovec* parts = &parts_[one.first_part];
  size_t sent = 0;
  if (flow.stream.out.empty()) {
    int error = done < 0 ? static_cast<int>(-done) : 0;
    while (done == CallRing::kNotDone || (done < 0 && error == EINTR)) {
      done = send_parts(flow.fd, parts, one.parts);
      error = errno;
    }
    if (done < 0 && !would_block(error)) return fail(one.slot);
    if (done > 0) sent = static_cast<size_t>(done);
  }
  if (sent == one.octets) return;
  size_t first_left = 0;
  for (; sent >= parts[first_left].iov_len; ++first_left) sent -= parts[first_left].iov_len;
  parts[first_left].iov_base = static_cast<char*>(parts[first_left].iov_base) + sent;
  parts[first_left].iov_len -= sent;
  if (!keep(one.slot, parts + first_left, one.parts - first_left)) fail(one.slot);
}

bool StreamWriter::keep(uint32_t slot, Text octets) noexcept {
  const iovec part = part_of(octets);
  return keep(slot, &part, 1);
}

bool StreamWriter::keep(uint32_t slot, const iovec* parts, size_t count) noexcept {
  size_t octets = 0;
  for (size_t i = 0; i < count; ++i) octets += parts[i].iov_len;
  if (octets == 0) return true;
  Flow& flow = flows_.at(slot);
  if (flow.stream.out.octets() + octets > cap_of(flow) || !flow.stream.out.append(pool_, parts, count)) {
    counters_.add(Counter::flows_overrun);
    return false;
  }
  if (flow.state != FlowState::connecting && (flow.marks & kMark_wants_write) == 0) watch(slot, true);
  return true;
}

bool StreamWriter::writable(uint32_t slot) noexcept {
  Flow& flow = flows_.at(slot);
  iovec parts[kMaxParts];
  while (!flow.stream.out.empty()) {
    const ssize_t n = send_parts(flow.fd, parts, flow.stream.out.gather(parts, kMaxParts));
    if (n < 0) {
      if (errno == EINTR) continue;
      return would_block(errno);
    }
    flow.stream.out.consume(pool_, static_cast<size_t>(n));
  }
  watch(slot, false);
  return true;
}

void StreamWriter::watch(uint32_t slot, bool for_writing) noexcept {
  Flow& flow = flows_.at(slot);
  if (for_writing) flow.marks |= kMark_wants_write;
  else flow.marks &= static_cast<uint8_t>(~kMark_wants_write);
  epoll_event event{};
  event.events = events_of(flow);
  event.data.u64 = uint64_t{flow.generation} << 32 | slot;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, flow.fd, &event);
}

// Of a connection whose handshake waits for its turn only the end is told, as long as no answer can be on its way: epoll would name thousands of
// them in each turn, and before those of other phones.
uint32_t StreamWriter::events_of(const Flow& flow) noexcept {
  uint32_t reading = flow.marks & kMark_peer_closed ? 0u : static_cast<uint32_t>(EPOLLIN | EPOLLRDHUP);
  if (flow.stream.layer != nullptr && flow.stream.layer->awaits_turn) reading = flow.stream.layer->tls ? 0u : static_cast<uint32_t>(EPOLLRDHUP);
  return reading | (flow.marks & kMark_wants_write ? static_cast<uint32_t>(EPOLLOUT) : 0u);
}

void StreamWriter::fail(uint32_t slot) noexcept {
  Flow& flow = flows_.at(slot);
  if (flow.marks & kMark_closing) return;
  flow.marks |= kMark_closing;
  closing_.add(flows_.handle(slot), Counter::flows_closed);
}

}  // namespace sluice
