// The client transactions of requests that are proxied by numbers (RFC 3261 17.1, RFC 6026 7.2), with timer C and cancelling (16.8, 9.1):
// the rules of src/transaction/client.ts and src/proxy/branch.ts.
#pragma once

#include <utility>
#include <vector>

#include "core/base/hash_chains.h"
#include "core/base/kept_octets.h"
#include "core/base/slab.h"
#include "core/shard/answer_memory.h"
#include "core/shard/object_gate.h"
#include "core/shard/transaction_timers.h"

namespace sluice {

enum class ClientState : uint8_t {
  calling,
  proceeding,
  completed,  // INVITE over UDP, refused: its ACK is repeated
  accepted,   // INVITE, 2xx: each further one passes
};

// The last two speak of this request alone, not of its flow: it is longer than any datagram, or the kernel did not let it out.
enum class ClientFailure : uint8_t { timeout, transport, too_large, held_back };

// What its user says about a transaction: where it goes, and whom it belongs to (proxying.h).
struct ClientWay {
  // Over this flow, or to an address by the transport.
  bool goes_over_flow = false;
  Transport transport = Transport::udp;
  Method method = Method::unknown;
  FlowId flow;           // that it left by
  Address to;
  uint32_t owner = 0;
  uint64_t owner_serial = 0;
  uint64_t way = 0;      // Way::identity
  uint64_t binding = 0;  // Way::key; 0: an upstream
  uint64_t updated = 0;

  bool is_invite() const noexcept { return method == Method::invite; }
  bool is_reliable() const noexcept { return flow.name.kind == FlowKind::stream; }
};

struct ClientTransaction : ClientWay {
  WheelNode timer;
  HashLink by_branch;
  HashLink by_flow;      // the id of the flow that it left by
  uint64_t serial = 0;   // 0: free
  FlowBuffer* sent = nullptr;     // until the final response
  FlowBuffer* reasons = nullptr;  // lines for the CANCEL
  KeptOctets ack;                 // of an INVITE over UDP that was refused
  uint32_t place = 0;    // Reservations
  uint32_t interval_ms = 0;
  uint32_t resend_at = 0;   // ticks, 0: never
  uint32_t ends_at = 0;     // timers B and F; what is remembered after the final response
  uint32_t overdue_at = 0;  // timer C; the wait for a silent way if there is another one; that for a cancelled one
  ClientState state = ClientState::calling;
  bool was_heard = false;
  bool has_ended = false;  // its owner waits for it no more
  bool is_cancelling = false;
  bool cancel_sent = false;
  bool is_remembered = false;
  uint16_t share = 0;       // of the source that pays, in AnswerMemory; 0: none

  bool is_pending() const noexcept { return state == ClientState::calling || state == ClientState::proceeding; }
};

// Learns what becomes of a transaction; it may start others meanwhile.
class ClientUser {
 public:
  // A provisional response above 100 to an INVITE, or a final one, which is a message of the batch.
  virtual void heard(uint32_t index, const Message& response) noexcept = 0;
  // It ended without a final response.
  virtual void failed(uint32_t index, ClientFailure why) noexcept = 0;

 protected:
  ~ClientUser() = default;
};

class ClientTransactions {
 public:
  ClientTransactions(Ground& ground, Outbox& outbox, ObjectGate& object) noexcept;
  ~ClientTransactions() noexcept;
  ClientTransactions(const ClientTransactions&) = delete;
  ClientTransactions& operator=(const ClientTransactions&) = delete;

  void serve(ClientUser& user) noexcept { user_ = &user; }
  // Milliseconds of timer C.
  void configure(uint32_t timer_c) noexcept { timer_c_ = timer_c; }

  enum class Started : uint8_t { sent, no_room, no_way };
  // Sends a request. `way` has what the transaction must know besides; `silence`: milliseconds that it may stay silent, 0: the usual time.
  // `index` receives its number if it was sent.
  Started start(const ClientWay& way, Text branch, Text head, Text body, uint32_t silence, const Address& payer, bool is_exempt, uint32_t& index) noexcept;
  ClientTransaction& at(uint32_t index) noexcept { return slab_.at(index); }

  // A response with this branch, from that source; false: nobody waits for it.
  bool receive(const Item& item) noexcept;
  // Sends a CANCEL, at once or when the target has responded (RFC 3261 9.1). `reasons`: lines with CRLF.
  void cancel(uint32_t index, Text reasons) noexcept;
  // Fails everything that waits for a response over the flow with this id.
  void flow_ended(Text id) noexcept;
  void send_failed(Text branch, ClientFailure why) noexcept;
  // The id of the flow that the request with this branch left by; 0: it is forgotten.
  size_t flow_of(Text branch, char* id) noexcept;
  void tick() noexcept;
  uint32_t quiet_for() const noexcept { return timers_.quiet_for(); }

 private:
  friend class TransactionsImage;

  struct BranchLinks {
    Slab<ClientTransaction>& slab;
    HashLink& link(uint32_t index) noexcept { return slab.at(index).by_branch; }
  };
  struct FlowLinks {
    Slab<ClientTransaction>& slab;
    HashLink& link(uint32_t index) noexcept { return slab.at(index).by_flow; }
  };
  struct Nodes {
    Slab<ClientTransaction>& slab;
    WheelNode& node(uint32_t index) noexcept { return slab.at(index).timer; }
  };

  uint64_t key_of(Text branch, bool is_cancel) const noexcept;
  uint64_t flow_key(Text id) const noexcept;
  // Sends the octets, and notes over which flow.
  bool dispatch(ClientWay& one, Text octets) noexcept;
  bool send_again(const ClientWay& one, Text octets) noexcept;
  bool may_answer(const ClientWay& one, const Source& source) const noexcept;
  void provisional(uint32_t index, const Message& response) noexcept;
  void final(uint32_t index, const Message& response) noexcept;
  void acknowledge(ClientTransaction& one, const Message& response) noexcept;
  void send_cancel(uint32_t index) noexcept;
  void overdue(uint32_t index) noexcept;
  void fail(uint32_t index, ClientFailure why) noexcept;
  void settle(ClientTransaction& one) noexcept;
  bool remember(uint32_t index) noexcept;
  void make_room() noexcept;
  bool holds(uint32_t index, uint64_t serial) noexcept { return at(index).serial == serial; }
  void arm(uint32_t index) noexcept;
  void due(uint32_t index) noexcept;
  void forget(uint32_t index) noexcept;

  Ground& ground_;
  Outbox& outbox_;
  ObjectGate& object_;
  ClientUser* user_ = nullptr;
  Slab<ClientTransaction> slab_;
  HashChains<BranchLinks> by_branch_{BranchLinks{slab_}};
  HashChains<FlowLinks> by_flow_{FlowLinks{slab_}};
  Nodes nodes_{slab_};
  TransactionTimers<Nodes> timers_;
  AnswerMemory memory_;
  uint64_t serials_ = 0;
  uint32_t timer_c_ = 0;
};

}  // namespace sluice
