// Requests of our own making to the core: probes, and what could not leave as it should have (RFC 3263 4.3).
#pragma once

#include "core/shard/connections.h"

namespace sluice {

class CoreSender {
 public:
  CoreSender(Ground& ground, Outbox& outbox, Connections& connections, UpstreamHealth& upstreams, Responder& responder, Remembered& remembered) noexcept
      : ground_(ground), outbox_(outbox), connections_(connections), upstreams_(upstreams), responder_(responder), remembered_(remembered) {}

  void probe(int target) noexcept;
  // The messages that waited for connections which never opened go to other targets, or are answered. False: there were none.
  bool redirect_unsent() noexcept;
  // The same for the requests that no datagram could carry. False: there were none.
  bool redirect_refused() noexcept;

 private:
  void redirect_refused(const DatagramQueue::Refused& refused) noexcept;
  void redirect(Text messages) noexcept;
  bool send_elsewhere(const Message& message) noexcept;

  Ground& ground_;
  Outbox& outbox_;
  Connections& connections_;
  UpstreamHealth& upstreams_;
  Responder& responder_;
  Remembered& remembered_;
  uint32_t probes_sent_ = 0;
};

}  // namespace sluice
