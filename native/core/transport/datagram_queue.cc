#include "core/transport/datagram_queue.h"

#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>

#include "core/sip/scanner.h"
#include "core/transport/plain_calls.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

namespace sluice {
namespace {

// Fits an Ethernet frame after an IPv6 header; longer datagrams travel alone, in fragments if they must.
constexpr size_t kMaxSegment = 1400;
// What the length of an IP packet leaves to UDP: that of IPv4 has 20 octets of its own in it, that of IPv6 has not (RFC 791 3.1, RFC 8200 3).
constexpr size_t kMostOverV4 = 65'507, kMostOverV6 = 65'527;
constexpr size_t kMaxTrainOctets = 60'000;
constexpr unsigned kMaxSegments = 64;

// A socket holds one ICMP error report at a time, so a datagram that keeps failing is itself at fault.
constexpr unsigned kReports = 2;

// All of it if it has no end.
size_t head_size(Text message) noexcept {
  const size_t end = find_head_end(message.data(), message.size(), 0);
  return end == 0 ? message.size() : end;
}

bool is_icmp_report(int error) noexcept { return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH; }

bool is_congestion(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == ENOMEM; }

}  // namespace

void DatagramQueue::attach(int fd, bool v6) noexcept {
  fd_ = fd;
  v6_ = v6;
  // A datagram that is never fragmented needs no identification, which costs the kernel a hash and an atomic operation.
  allow_fragments(false);
}

bool DatagramQueue::has_room(const Train& train, size_t size) const noexcept {
  return trains_work_ && !train.closed && size <= train.segment && train.segment <= kMaxSegment && train.segments < kMaxSegments && size > 0 && train.octets + size <= kMaxTrainOctets;
}

// The train that the datagram joins; trains_used_: a new one. Only the newest to its destination, so that what is kept in order stays so.
unsigned DatagramQueue::train_for(const Address& to, size_t size, Order order) noexcept {
  if (order == Order::free) return free_train_for(to, size);
  const unsigned last = trains_used_ > kLooksBack ? trains_used_ - kLooksBack : 0;
  for (unsigned i = trains_used_; i-- > last;)
    if (trains_[i].to == to && trains_[i].order == order) return has_room(trains_[i], size) && !travels_apart(to) ? i : trains_used_;
  return trains_used_;
}

// One of its length. Where all lengths differ, a shorter one ends a train, as it may (UDP_SEGMENT), but only once several wait for their like.
unsigned DatagramQueue::free_train_for(const Address& to, size_t size) noexcept {
  const unsigned last = trains_used_ > kLooksBackFree ? trains_used_ - kLooksBackFree : 0;
  unsigned joined = trains_used_, open = 0;
  for (unsigned i = trains_used_; i-- > last;) {
    const Train& train = trains_[i];
    if (train.order != Order::free || train.closed || !(train.to == to)) continue;
    ++open;
    if (!has_room(train, size)) continue;
    joined = i;
    if (train.segment == size) break;
  }
  const bool is_new = joined == trains_used_ || (trains_[joined].segment != size && open < kMostLengths);
  return is_new || travels_apart(to) ? trains_used_ : joined;
}

void DatagramQueue::add(const Address& to, Text head, Text body, Counters& counters, Order order) noexcept {
  const size_t size = head.size() + body.size();
  if (size > kMostOverV4 && (size > kMostOverV6 || to.is_v4())) [[unlikely]] return keep_refused(to, EMSGSIZE, head, counters);
  if (datagrams_ == kMost) flush(counters);
  counters.add(Counter::bytes_out, static_cast<int64_t>(size));
  unsigned joined = train_for(to, size, order);
  if (joined == trains_used_) {
    if (trains_used_ == kMostTrains) flush(counters), joined = 0;
    Train& made = trains_[trains_used_++] = Train{};
    made.to = to;
    made.order = order;
    made.segment = static_cast<uint16_t>(size < 65'535 ? size : 65'535);
  }
  waiting_[datagrams_++] = {head, body, joined};
  Train& train = trains_[joined];
  ++train.segments;
  train.parts = static_cast<uint16_t>(train.parts + !head.empty() + !body.empty());
  train.octets += static_cast<uint32_t>(size);
  train.closed = size < train.segment;
}

// Gives each train a header, and its parts one piece of `parts_`.
void DatagramQueue::arrange() noexcept {
  iovec* next[kMostTrains];
  iovec* at = parts_;
  unsigned headers = 0;
  for (const Order order : {Order::first, Order::kept, Order::free}) {
    for (unsigned i = 0; i < trains_used_; ++i) {
      const Train& train = trains_[i];
      if (train.order != order) continue;
      msghdr& header = headers_[headers].msg_hdr;
      header = msghdr{};
      header.msg_name = &peers_[i];
      header.msg_namelen = to_sockaddr(train.to, v6_, &peers_[i]);
      header.msg_iov = next[i] = at;
      header.msg_iovlen = train.parts;
      at += train.parts;
      if (train.segments > 1) mark(header, i);
      sent_[headers++] = &train;
    }
  }
  for (unsigned i = 0; i < datagrams_; ++i) {
    const Datagram& one = waiting_[i];
    for (const Text part : {one.head, one.body})
      if (!part.empty()) *next[one.train]++ = {const_cast<char*>(part.data()), part.size()};
  }
}

void DatagramQueue::mark(msghdr& header, unsigned train) noexcept {
  header.msg_control = controls_[train];
  header.msg_controllen = kControl;
  cmsghdr* control = CMSG_FIRSTHDR(&header);
  control->cmsg_level = SOL_UDP;
  control->cmsg_type = UDP_SEGMENT;
  control->cmsg_len = CMSG_LEN(sizeof(uint16_t));
  std::memcpy(CMSG_DATA(control), &trains_[train].segment, sizeof(uint16_t));
}

void DatagramQueue::flush(Counters& counters) noexcept {
  arrange();
  unsigned at = 0;
  unsigned reports = 0;
  while (at < trains_used_) {
    const int sent = plain::sendmmsg(fd_, headers_ + at, trains_used_ - at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      at += static_cast<unsigned>(sent);
      reports = 0;
      continue;
    }
    // This reports an ICMP error about an earlier datagram and says nothing about this one: try again.
    if (sent < 0 && (errno == EINTR || (is_icmp_report(errno) && ++reports <= kReports))) continue;
    reports = 0;
    const Train& train = *sent_[at];
    if (train.segments > 1 && !is_congestion(errno)) {
      counters.add(Counter::trains_refused);
      // These two errors come from a kernel that does not support trains. Any other (no route, a device without checksums, a filter, a
      // small MTU) concerns one path and says nothing about the others.
      if (errno == ENOPROTOOPT || errno == EOPNOTSUPP) trains_work_ = false;
      else send_apart_from_now(train.to);
      send_apart(headers_[at], train, counters);
    } else if (is_congestion(errno)) {
      counters.add(Counter::send_dropped, train.segments);
    } else if (errno != EMSGSIZE || !send_fragmented(headers_[at].msg_hdr)) {
      refuse(headers_[at].msg_hdr, errno, counters);
    }
    ++at;
  }
  datagrams_ = 0;
  trains_used_ = 0;
}

// Whether a train to this destination failed recently. Each failure lengthens the time until the next attempt.
bool DatagramQueue::find_refusal(const Address& to) noexcept {
  for (Refusal& refusal : refusals_) {
    if (refusal.left == 0 || !(refusal.to == to)) continue;
    if (--refusal.left == 0) --refusing_;
    return true;
  }
  return false;
}

void DatagramQueue::send_apart_from_now(const Address& to) noexcept {
  Refusal* place = &refusals_[next_refusal_];
  for (Refusal& refusal : refusals_)
    if (refusal.to == to) place = &refusal;
  if (place == &refusals_[next_refusal_]) next_refusal_ = (next_refusal_ + 1) % kRefusals;
  place->wait = place->to == to && place->wait != 0 ? std::min(place->wait * 2, kLongestWait) : kFirstWait;
  if (place->left == 0) ++refusing_;
  place->left = place->wait;
  place->to = to;
}

void DatagramQueue::send_apart(const mmsghdr& header, const Train& train, Counters& counters) noexcept {
  msghdr one = header.msg_hdr;
  one.msg_control = nullptr;
  one.msg_controllen = 0;
  for (unsigned i = 0; i < train.segments; ++i) {
    // A datagram has one part or two, which together have its length.
    one.msg_iovlen = 1;
    const size_t wanted = i + 1 < train.segments ? train.segment : train.octets - size_t{train.segment} * i;
    if (one.msg_iov[0].iov_len < wanted) one.msg_iovlen = 2;
    const bool sent = sendmsg(fd_, &one, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || (errno == EMSGSIZE && send_fragmented(one));
    if (!sent) refuse(one, errno, counters);
    one.msg_iov += one.msg_iovlen;
  }
}

void DatagramQueue::refuse(const msghdr& header, int error, Counters& counters) noexcept {
  const iovec& first = header.msg_iov[0];
  keep_refused(from_sockaddr(static_cast<const sockaddr*>(header.msg_name)), error, Text(static_cast<const char*>(first.iov_base), first.iov_len), counters);
}

// No route, a filter, or too long for any packet: tell whoever asked for it, so it need not wait for a timeout. What there is no room for has to.
void DatagramQueue::keep_refused(const Address& to, int error, Text octets, Counters& counters) noexcept {
  counters.add(Counter::send_dropped);
  // What is too long is answered, and goes nowhere else: that takes its head.
  if (error == EMSGSIZE) octets = octets.substr(0, head_size(octets));
  if (is_congestion(error) || error == ECONNREFUSED || refused_.size() == kMostRefused || octets.size() > kMostRefusedOctets - refused_octets_) return;
  refused_octets_ += octets.size();
  refused_.push_back({to, error, std::string(octets)});
}

bool DatagramQueue::send_fragmented(const msghdr& header) noexcept {
  allow_fragments(true);
  const bool sent = sendmsg(fd_, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
  allow_fragments(false);
  return sent;
}

void DatagramQueue::allow_fragments(bool allowed) noexcept {
  const int v4 = allowed ? IP_PMTUDISC_WANT : IP_PMTUDISC_DO;
  setsockopt(fd_, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof v4);
  if (!v6_) return;
  const int v6 = allowed ? IPV6_PMTUDISC_WANT : IPV6_PMTUDISC_DO;
  setsockopt(fd_, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof v6);
}

}  // namespace sluice
