#include "datagram_queue.h"

#include <cerrno>

namespace sluice {

void DatagramQueue::add(const Address& to, Text head, Text body, Counters& counters) noexcept {
  if (count_ == kMax) flush(counters);
  const unsigned i = count_++;
  parts_[i][0] = {const_cast<char*>(head.data()), head.size()};
  parts_[i][1] = {const_cast<char*>(body.data()), body.size()};
  headers_[i] = mmsghdr{};
  headers_[i].msg_hdr.msg_name = &peers_[i];
  headers_[i].msg_hdr.msg_namelen = to_sockaddr(to, v6_, &peers_[i]);
  headers_[i].msg_hdr.msg_iov = parts_[i];
  headers_[i].msg_hdr.msg_iovlen = body.empty() ? 1 : 2;
  counters.add(Counter::bytes_out, static_cast<int64_t>(head.size() + body.size()));
}

void DatagramQueue::flush(Counters& counters) noexcept {
  unsigned at = 0;
  unsigned refusals = 0;
  while (at < count_) {
    const int sent = sendmmsg(fd_, headers_ + at, count_ - at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      at += static_cast<unsigned>(sent);
      continue;
    }
    // An ICMP error of an earlier datagram is reported here and says nothing of this one: try it again.
    if (sent < 0 && (errno == EINTR || ((errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH) && ++refusals <= kMax))) continue;
    // No buffer, too long, or no route: this one is lost, as a datagram may be.
    counters.add(Counter::send_dropped);
    ++at;
  }
  count_ = 0;
}

}  // namespace sluice
