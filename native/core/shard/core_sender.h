// Requests that we send to the core ourselves: probes, and whatever could not leave as intended (RFC 3263 4.3).
#pragma once

#include "core/shard/connections.h"

namespace sluice {

class CoreSender {
 public:
  CoreSender(Ground& ground, Outbox& outbox, Connections& connections, UpstreamHealth& upstreams, Responder& responder, Remembered& remembered) noexcept
      : ground_(ground), outbox_(outbox), connections_(connections), upstreams_(upstreams), responder_(responder), remembered_(remembered) {}

  // Returns its number; 0: it could not be sent.
  uint32_t probe(int target) noexcept;
  // Messages waiting for connections that never opened go to other targets or are answered. False: there were none.
  bool redirect_unsent() noexcept;
  // The same for requests that the kernel refused to send as datagrams. False: there were none.
  bool redirect_refused() noexcept;

  // For the successor of this process, whose probes must not look like ours.
  void freeze(ImageWriter& image) const noexcept { image.fields(probes_sent_); }
  void adopt(ImageReader& image) noexcept { image.fields(probes_sent_); }

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
