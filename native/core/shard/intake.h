// Where every scanned message enters the batch, however it arrived: with facts for the policy, unless it needs no policy at all.
#pragma once

#include "core/shard/responder.h"
#include "core/shard/tap.h"
#include "core/shard/turn.h"
#include "core/shard/upstream_health.h"

namespace sluice {

class Intake {
 public:
  Intake(Ground& ground, Turn& turn, Crossing& crossing, Tap& tap, UpstreamHealth& upstreams, Responder& responder) noexcept
      : ground_(ground), turn_(turn), crossing_(crossing), tap_(tap), upstreams_(upstreams), responder_(responder) {}

  // Takes the message in turn.next(). `crossed`: another shard handed it over. `admitted`: Item::admitted.
  void take(const Source& source, bool crossed, bool admitted = false) noexcept;
  // A datagram that cannot be SIP: it is counted, and that is all.
  [[gnu::cold]] void not_sip(const Address& from, Text octets) noexcept;
  // Hands a message of the batch, or the next one, to the shard that owns its flow or transaction.
  // False: the other shard's ring is full.
  bool hand_over(uint8_t shard, const Item& item) noexcept;
  // A message of this shard that had to wait comes again in the next turn. False: the ring is full.
  bool take_again(const Source& source, Text octets) noexcept;

 private:
  [[gnu::cold]] void faulty(Counter why, const Address& from, ScanError error, Text octets) noexcept;
  void take_request(Item& item, int32_t* record) noexcept;
  uint8_t transaction_owner_of(const Item& item, const int32_t* record) const noexcept;
  void take_response(Item& item, int32_t* record) noexcept;
  void heard_us(const Source& source) noexcept;
  bool take_object_answer(Item& item, int32_t* record) noexcept;

  Ground& ground_;
  Turn& turn_;
  Crossing& crossing_;
  Tap& tap_;
  UpstreamHealth& upstreams_;
  Responder& responder_;
};

}  // namespace sluice
