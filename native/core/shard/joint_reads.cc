#include "core/shard/joint_reads.h"

#include <algorithm>

namespace sluice {

unsigned JointReads::run(const epoll_event* events, unsigned count) noexcept {
  if (count < 2 || !ring_.is_open()) return 0;
  // What the turn has no place for must be kept, and if there is no room for it, its connection ends: so it is not read.
  const size_t left = ground_.pool.left() / (4 * kShare);
  const unsigned most = static_cast<unsigned>(std::min<size_t>({count, kMost, turn_.places(), left}));
  count_ = 0;
  later_ = 0;
  hand_ = ground_.flows.hand();
  while (count_ < most && add(events[count_])) ++count_;
  if (count_ < 2) return ring_.clear(), end(), 0;
  ring_.run();
  for (unsigned i = 0; i < count_; ++i) {
    Read& one = reads_[i];
    one.result = ring_.result(i);
    if (one.result == CallRing::kNotDone) one.result = -EAGAIN;  // epoll reports it again
  }
  return count_;
}

// Whether nothing is known about it but that octets have arrived, and these are SIP or records of it.
bool JointReads::may_join(const Flow& flow) const noexcept {
  if (flow.state != FlowState::open || (flow.marks & (kMark_deaf | kMark_closing | kMark_resumes)) != 0) return false;
  const StreamLayer* const layer = flow.stream.layer;
  if (layer != nullptr && layer->stage != Stage::open) return false;
  if (layer != nullptr && layer->is_secure) return layer->tls && layer->tls->is_open() && layer->record == nullptr;
  return flow.framer.need <= (flow.stream.in == nullptr ? 0 : flow.stream.in->size);  // a long message has a buffer of its own
}

bool JointReads::add(const epoll_event& event) noexcept {
  const FlowHandle handle = FlowHandle::of(event.data.u64);
  const Flow* const flow = event.events == EPOLLIN && handle.generation != 0 ? ground_.flows.find(handle) : nullptr;
  if (flow == nullptr || !may_join(*flow)) return false;
  const bool secure = flow->stream.layer != nullptr && flow->stream.layer->is_secure;
  if (secure) flow->stream.layer->tls->fetch(false);  // comes while the kernel reads
  const size_t most = (flow->flags & kFlow_core) == 0 ? kShare : secure ? kTlsRead : kCoreRead;
  const size_t waits = flow->stream.in == nullptr ? 0 : flow->stream.in->size;
  const size_t held = secure ? 0 : waits;
  const size_t later = secure ? waits + most + kTlsSlack : 0;
  const size_t whole = held + most + kApart;
  char* const room = turn_.stream_room(whole + later_ + later);
  if (room == nullptr) return false;
  turn_.use_stream(whole);
  later_ += later;
  reads_[count_] = {handle, room, held, 0};
  if (hand_ != nullptr) hand_->will_read(handle.slot, handle.generation, room + held);
  ring_.read(flow->fd, room + held, most);
  return true;
}

}  // namespace sluice
