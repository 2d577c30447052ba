#include "core/shard/datagram_reader.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "core/relay/flow_id.h"
#include "core/relay/via_branch.h"
#include "core/sip/char_class.h"
#include "core/transport/plain_calls.h"
#include "core/transport/stun.h"

namespace sluice {
namespace {

constexpr size_t kBlankDatagram = 16;
constexpr int kErrorsPerTurn = 64;
constexpr size_t kQuoted = 548;  // RFC 1812 4.3.2.3

bool is_blank_datagram(const char* data, size_t size) noexcept {
  if (size > kBlankDatagram) return false;
  for (size_t i = 0; i < size; ++i)
    if (data[i] != '\r' && data[i] != '\n' && data[i] != '\0' && data[i] != ' ') return false;
  return true;
}

// Only a definite verdict from a router or host counts; "datagram too long" says nothing about the flow.
bool is_unreachable(msghdr& header) noexcept {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    const bool v4 = part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR;
    const bool v6 = part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR;
    if (!v4 && !v6) continue;
    sock_extended_err error;
    std::memcpy(&error, CMSG_DATA(part), sizeof error);
    if (error.ee_errno != EMSGSIZE && (error.ee_origin == SO_EE_ORIGIN_ICMP || error.ee_origin == SO_EE_ORIGIN_ICMP6)) return true;
  }
  return false;
}

// The branch of our own Via in the quoted start of a datagram; empty: there is none.
Text quoted_branch(Text quoted) noexcept {
  constexpr Text kVia = "\r\nVia: SIP/2.0/UDP ", kBranch = ";branch=";
  const size_t via = quoted.find(kVia);
  const size_t at = via == Text::npos ? Text::npos : quoted.find(kBranch, via);
  if (at == Text::npos) return {};
  const Text rest = quoted.substr(at + kBranch.size());
  return rest.substr(0, rest.find_first_of(";,\r"));
}

}  // namespace

DatagramReader::DatagramReader(Ground& ground, Turn& turn, Intake& intake, Outbox& outbox, Listeners& listeners, UdpFlows& flows, UpstreamHealth& upstreams,
                               ObjectEvents& object, BanSet& bans) noexcept
    : ground_(ground), turn_(turn), intake_(intake), outbox_(outbox), listeners_(listeners), flows_(flows), upstreams_(upstreams), object_(object), bans_(bans),
      headers_(new mmsghdr[k_batch_size]()), parts_(new iovec[k_batch_size]), peers_(new sockaddr_storage[k_batch_size]()), senders_(new Sender[k_batch_size]) {
  for (unsigned i = 0; i < k_batch_size; ++i) {
    parts_[i] = {turn_.datagram_place(i), Turn::kDatagram};
    headers_[i].msg_hdr.msg_iov = &parts_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
    headers_[i].msg_hdr.msg_name = &peers_[i];
    headers_[i].msg_hdr.msg_namelen = sizeof peers_[i];
  }
}

void DatagramReader::receive(uint16_t listener) noexcept {
  const unsigned room = turn_.datagram_places();
  if (room == 0) return;  // the socket stays readable for the next turn
  const unsigned first = turn_.datagrams_used();
  mmsghdr* const headers = &headers_[first];
  ground_.kept.takes(static_cast<int>(room));
  const int n = plain::recvmmsg(listeners_.socket_of(listener), headers, room, MSG_DONTWAIT);
  ground_.kept.takes(std::max(n, 0) - static_cast<int>(room));
  if (n > 0) turn_.use_datagrams(static_cast<unsigned>(n));
  const bool has_clients = ground_.config.listeners[listener].facing != Facing::core;
  // With many flows, what is known about the senders is in no cache: it comes while the messages before are read.
  for (int i = 0; i < n; ++i) {
    senders_[i].address = from_sockaddr(static_cast<const sockaddr*>(headers[i].msg_hdr.msg_name));
    senders_[i].hash = ground_.flows.hash_of(senders_[i].address, listener);
    if (!has_clients) continue;
    ground_.flows.fetch_bucket(senders_[i].hash);
    ground_.commons.answers.fetch(senders_[i].address);
  }
  constexpr int kAhead = 2;
  for (int i = 0; i < n && i < kAhead; ++i) ground_.flows.fetch_udp(senders_[i].hash);
  for (int i = 0; i < n; ++i) {
    if (i + kAhead < n) ground_.flows.fetch_udp(senders_[i + kAhead].hash);
    headers[i].msg_hdr.msg_namelen = sizeof(sockaddr_storage);
    if (headers[i].msg_hdr.msg_flags & MSG_TRUNC) {
      ground_.counters.add(Counter::malformed);
      continue;
    }
    take(listener, senders_[i], static_cast<char*>(headers[i].msg_hdr.msg_iov->iov_base), headers[i].msg_len);
  }
}

void DatagramReader::hear_core() noexcept {
  const std::vector<Listener>& listeners = ground_.config.listeners;
  for (size_t i = 0; i < listeners.size(); ++i)
    if (listeners[i].transport == Transport::udp && listeners[i].facing != Facing::client) receive(static_cast<uint16_t>(i));
}

void DatagramReader::take(uint16_t listener, const Sender& sender, char* data, size_t size) noexcept {
  const Address& from = sender.address;
  ground_.counters.add(Counter::bytes_in, static_cast<int64_t>(size));
  if (bans_.holds(from)) return ground_.counters.add(Counter::banned);
  const uint32_t slot = ground_.flows.find_udp(from, listener, sender.hash);
  Flow* const flow = slot != 0 ? &ground_.flows.at(slot) : nullptr;
  if (flow != nullptr) flow->last_seen = ground_.clock.tick();
  if (is_blank_datagram(data, size)) return ground_.counters.add(Counter::datagram_keepalives);
  if (static_cast<uint8_t>(data[0]) <= 1) return take_stun(listener, from, data, size);
  // RFC 3261 7.5: ignore CRLFs before the start line.
  while (size > 0 && (*data == '\r' || *data == '\n')) {
    ++data;
    --size;
  }
  // It can be neither request nor response, and whoever sent it hears nothing: no more work than this.
  if (size == 0 || !is_class(*data, kChar_token)) return intake_.not_sip(from, Text(data, size));
  scan(data, size, kFindHead, Carrier::datagram, ground_.config.limits.scan, turn_.next().message);
  Source source;
  source.remote = from;
  source.listener = listener;
  source.kind = FlowKind::udp;
  source.transport = Transport::udp;
  source.shard = ground_.config.shard;
  source.slot = slot;
  if (flow != nullptr) {
    source.flow_flags = flow->flags;
    source.birth = flow->birth;
  }
  source.from_core = is_core_side(ground_.config, listener, from);
  if (!source.from_core) ground_.commons.answers.received(from, size);
  intake_.take(source, false);
}

void DatagramReader::take_stun(uint16_t listener, const Address& from, const char* data, size_t size) noexcept {
  uint8_t answer[kMaxStunReply];
  size_t answer_size = 0;
  const StunResult result = answer_stun(reinterpret_cast<const uint8_t*>(data), size, from, answer, &answer_size);
  ground_.counters.add(result == StunResult::reply ? Counter::stun : Counter::stun_ignored);
  if (result == StunResult::reply) outbox_.datagram(listener, from, outbox_.copied(Text(reinterpret_cast<const char*>(answer), answer_size)));
}

void DatagramReader::read_icmp_errors(uint16_t listener) noexcept {
  for (int i = 0; i < kErrorsPerTurn; ++i) {
    sockaddr_storage to{};
    char control[512];
    char quoted[kQuoted];
    iovec part{quoted, sizeof quoted};
    msghdr header{};
    header.msg_name = &to;
    header.msg_namelen = sizeof to;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    const ssize_t size = recvmsg(listeners_.socket_of(listener), &header, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (size < 0) return;
    if (is_unreachable(header)) unreachable(listener, from_sockaddr(reinterpret_cast<sockaddr*>(&to)), Text(quoted, static_cast<size_t>(size)));
  }
}

// Anyone can forge an ICMP message. It counts only if it quotes a request that we sent to this peer, recognised by its signed branch.
// If the quote is too short for that, timers find the failure.
void DatagramReader::unreachable(uint16_t listener, const Address& peer, Text quoted) noexcept {
  const Text branch = quoted_branch(quoted);
  if (object_.datagram_failed(ObjectEventKind::unreachable, branch)) return;
  const int target = upstreams_.targets().find(peer, Transport::udp);
  const bool is_core = target >= 0 || is_core_side(ground_.config, listener, peer);
  NextHop asked;
  asked.core = is_core;
  asked.listener = listener;
  asked.remote = peer;
  ReturnPath back;
  if (!read_branch(ground_.config, branch, asked, back)) return;
  if (target >= 0) upstreams_.failed(target);
  const uint32_t slot = ground_.flows.find_udp(peer, listener);
  if (ground_.config.home && (slot == 0 || (ground_.flows.at(slot).marks & kMark_bound) == 0)) {
    char id[kMaxFlowId];
    object_.flow_ended(Text(id, format_flow_id(ground_.config, flows_.source_of(peer, listener), id)));
  }
  if (slot != 0) flows_.died(slot, Counter::flows_closed);
}

}  // namespace sluice
