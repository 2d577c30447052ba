#include "stream_writer.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>

namespace sluice {
namespace {

constexpr size_t kMaxEntries = 256;
constexpr size_t kMaxParts = 128;

}  // namespace

StreamWriter::StreamWriter(const EdgeConfig& config, FlowTable& flows, BufferPool& pool, Counters& counters) noexcept
    : config_(config), flows_(flows), pool_(pool), counters_(counters) {
  entries_.reserve(kMaxEntries);
}

void StreamWriter::add(uint32_t slot, Text head, Text body) noexcept {
  Flow& flow = flows_.at(slot);
  if (flow.marks & kMark_closing) return;
  counters_.add(Counter::bytes_out, static_cast<int64_t>(head.size() + body.size()));
  if (flow.state == FlowState::connecting || flow.out != nullptr) {
    if (!keep(slot, head) || !keep(slot, body)) fail(slot);
    return;
  }
  if (entries_.size() == kMaxEntries) flush();
  entries_.push_back(Entry{slot, flow.generation, head, body});
}

void StreamWriter::flush() noexcept {
  for (size_t i = 0; i < entries_.size(); ++i)
    if (entries_[i].slot != 0) write_all_of(i);
  entries_.clear();
}

void StreamWriter::write_all_of(size_t first) noexcept {
  const uint32_t slot = entries_[first].slot;
  Flow& flow = flows_.at(slot);
  if (flow.generation != entries_[first].generation || flow.state == FlowState::free_slot || (flow.marks & kMark_closing)) {
    entries_[first].slot = 0;
    return;
  }
  iovec parts[kMaxParts];
  size_t count = 0;
  size_t total = 0;
  for (size_t i = first; i < entries_.size() && count + 2 <= kMaxParts; ++i) {
    Entry& entry = entries_[i];
    if (entry.slot != slot || entry.generation != flow.generation) continue;
    parts[count++] = {const_cast<char*>(entry.head.data()), entry.head.size()};
    if (!entry.body.empty()) parts[count++] = {const_cast<char*>(entry.body.data()), entry.body.size()};
    total += entry.head.size() + entry.body.size();
    entry.slot = 0;
  }
  size_t sent = 0;
  if (flow.out == nullptr) {
    msghdr header{};
    header.msg_iov = parts;
    header.msg_iovlen = count;
    ssize_t n;
    do n = sendmsg(flow.fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS) return fail(slot);
    if (n > 0) sent = static_cast<size_t>(n);
  }
  for (size_t i = 0; i < count && sent < total; ++i) {
    const size_t size = parts[i].iov_len;
    const size_t skip = sent < size ? sent : size;
    sent -= skip;
    total -= skip;
    if (skip < size) {
      if (!keep(slot, Text(static_cast<char*>(parts[i].iov_base) + skip, size - skip))) return fail(slot);
      total -= size - skip;
    }
  }
}

bool StreamWriter::keep(uint32_t slot, Text octets) noexcept {
  Flow& flow = flows_.at(slot);
  const size_t held = flow.out == nullptr ? 0 : flow.out->size - flow.out->done;
  const size_t cap = flow.flags & kFlow_core ? config_.limits.max_core_queue : config_.limits.max_queue;
  if (held + octets.size() > cap || !append(pool_, flow.out, octets)) {
    counters_.add(Counter::flows_overrun);
    return false;
  }
  if (flow.state != FlowState::connecting && (flow.marks & kMark_wants_write) == 0) watch(slot, true);
  return true;
}

bool StreamWriter::writable(uint32_t slot) noexcept {
  Flow& flow = flows_.at(slot);
  while (flow.out != nullptr) {
    const Text rest = flow.out->text();
    const ssize_t n = send(flow.fd, rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) return true;
      return false;
    }
    flow.out->done += static_cast<uint32_t>(n);
    if (flow.out->done == flow.out->size) give_back(pool_, flow.out);
  }
  watch(slot, false);
  return true;
}

void StreamWriter::watch(uint32_t slot, bool for_writing) noexcept {
  Flow& flow = flows_.at(slot);
  epoll_event event{};
  event.events = (flow.marks & kMark_peer_closed ? 0u : static_cast<uint32_t>(EPOLLIN | EPOLLRDHUP)) | (for_writing ? static_cast<uint32_t>(EPOLLOUT) : 0u);
  event.data.u64 = uint64_t{flow.generation} << 32 | slot;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, flow.fd, &event);
  if (for_writing) flow.marks |= kMark_wants_write;
  else flow.marks &= static_cast<uint8_t>(~kMark_wants_write);
}

void StreamWriter::fail(uint32_t slot) noexcept {
  Flow& flow = flows_.at(slot);
  if (flow.marks & kMark_closing) return;
  flow.marks |= kMark_closing;
  failed_.push_back(slot);
}

}  // namespace sluice
