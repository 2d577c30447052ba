// Incoming datagrams: SIP, keep-alives, STUN, and ICMP errors about datagrams we sent.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <memory>

#include "core/shard/intake.h"
#include "core/shard/listeners.h"
#include "core/shard/udp_flows.h"

namespace sluice {

class DatagramReader {
 public:
  DatagramReader(Ground& ground, Turn& turn, Intake& intake, Outbox& outbox, Listeners& listeners, UdpFlows& flows, UpstreamHealth& upstreams,
                 ObjectEvents& object, BanSet& bans) noexcept;

  void receive(uint16_t listener) noexcept;
  // From all listeners that the core may send to, whatever epoll says.
  void hear_core() noexcept;
  void read_icmp_errors(uint16_t listener) noexcept;

 private:
  struct Sender {
    Address address;
    uint32_t hash;  // FlowTable::hash_of()
  };

  void take(uint16_t listener, const Sender& sender, char* data, size_t size) noexcept;
  void take_stun(uint16_t listener, const Address& from, const char* data, size_t size) noexcept;
  void unreachable(uint16_t listener, const Address& peer, Text quoted) noexcept;

  Ground& ground_;
  Turn& turn_;
  Intake& intake_;
  Outbox& outbox_;
  Listeners& listeners_;
  UdpFlows& flows_;
  UpstreamHealth& upstreams_;
  ObjectEvents& object_;
  BanSet& bans_;
  // What recvmmsg() fills in, one per place of the turn, allocated once.
  std::unique_ptr<mmsghdr[]> headers_;
  std::unique_ptr<iovec[]> parts_;
  std::unique_ptr<sockaddr_storage[]> peers_;
  std::unique_ptr<Sender[]> senders_;  // of the datagrams that have come together
};

}  // namespace sluice
