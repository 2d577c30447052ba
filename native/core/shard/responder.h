// Responses on their way back: relayed ones, and our own.
#pragma once

#include "core/relay/stateless_answer.h"
#include "core/shard/crossing.h"
#include "core/shard/object_events.h"
#include "core/shard/outbox.h"
#include "core/shard/tap.h"
#include "core/shard/turn.h"
#include "core/shard/withheld_answers.h"

namespace sluice {

// Where the response to a request goes (RFC 3261 18.2.2, RFC 3581 4). `edits` are those of relaying the request.
Address answer_address(const EdgeConfig& config, const Item& item, uint32_t edits) noexcept;

class Responder {
 public:
  Responder(Ground& ground, Outbox& outbox, Crossing& crossing, Tap& tap, ObjectEvents& object) noexcept
      : ground_(ground), outbox_(outbox), crossing_(crossing), tap_(tap), object_(object), withheld_(ground) {}

  // Answers a request we have received.
  void reply(const Item& item, int status, Text reason = Text(), uint32_t retry_after = 0, Text headers = Text()) noexcept;
  // Answers a request that we have sent, or were about to send, as if its next hop had done so. `failure`: what its transaction learns if it is
  // one of the home proxy.
  void answer_sent(const Message& sent, int status, ObjectEventKind failure = ObjectEventKind::send_failed) noexcept;
  // The octets must live until the next flush. `final`: no other response to this request follows.
  void send_back(const ReturnPath& back, Text head, Text body, bool final, uint32_t tapped = 0) noexcept { send_back(back, head, body, final, tapped, Outbox::order_of(head)); }
  // The same for our own final response to a REGISTER: as a datagram it may overtake all others, since it is the only one of its transaction, and
  // the transactions of clients do not wait for each other (RFC 3261 17.1.2).
  void answer_register(const ReturnPath& back, Text octets, uint32_t tapped) noexcept { send_back(back, octets, Text(), true, tapped, DatagramQueue::Order::free); }
  // The same for a response that another shard hands to us.
  void deliver(const RingHead& head, Text octets) noexcept;
  void count(int status, Method method) noexcept;
  // That UDP source has answered our question: it gets what was withheld.
  void heard_us(const Address& source) noexcept;
  // Whether an ACK is for a response of reply() or answer_sent(), and so ends here.
  AckFor owner_of(const Item& ack) const noexcept;

  // For the successor of this process.
  void freeze(ImageWriter& image) const noexcept {
    image.fields(questions_asked_);
    answers_.freeze(image);
    withheld_.freeze(image);
  }
  void adopt(ImageReader& image) noexcept {
    image.fields(questions_asked_);
    answers_.adopt(image);
    withheld_.adopt(image);
  }
  void let_go() noexcept { withheld_.let_go(); }

 private:
  void send_back(const ReturnPath& back, Text head, Text body, bool final, uint32_t tapped, DatagramQueue::Order order) noexcept;
  void count_outcome(int status, Method method) noexcept;
  bool may_send(const Address& to, Text head, Text body) noexcept;
  [[gnu::cold]] void withhold(const ReturnPath& back, Text head, Text body) noexcept;
  [[gnu::cold]] void ask(const ReturnPath& back) noexcept;
  void deliver(FlowHandle to, Text head, Text body, bool final) noexcept;

  Ground& ground_;
  Outbox& outbox_;
  Crossing& crossing_;
  Tap& tap_;
  ObjectEvents& object_;
  StatelessAnswers answers_;
  WithheldAnswers withheld_;
  uint32_t questions_asked_ = 0;
};

}  // namespace sluice
