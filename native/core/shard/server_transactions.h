// The server transactions of requests that are proxied by numbers (RFC 3261 17.2, RFC 6026 7.1): a received request and our responses to it,
// with the rules of src/transaction/server.ts. What was answered is worth less than what waits: it has no place of its own, and the oldest
// gives way.
#pragma once

#include <string>

#include "core/base/hash_chains.h"
#include "core/base/kept_octets.h"
#include "core/base/slab.h"
#include "core/shard/answer_memory.h"
#include "core/shard/object_gate.h"
#include "core/shard/proxied_context.h"
#include "core/shard/transaction_timers.h"

namespace sluice {

enum class ServerState : uint8_t {
  proceeding,
  completed,  // INVITE: a refusal that was not acknowledged yet
  confirmed,  // INVITE: it was
  accepted,   // INVITE: 2xx
  answered,   // any other: its final response, for retransmissions
};

struct ServerTransaction {
  WheelNode timer;
  HashLink link;
  uint64_t serial = 0;  // whoever holds the index also holds this
  FlowBuffer* request = nullptr;  // as received, until it is answered
  FlowBuffer* last = nullptr;     // the response to repeat
  KeptOctets answer;              // the same, once a request other than INVITE is answered; of an INVITE over UDP: what answered its CANCEL
  std::string aor;
  Source source;
  ReturnPath back;
  Neighbour neighbour;    // of a request from the core: where it wants to be reached within a dialog
  Address payer;          // whose share of our memory it takes
  bool is_exempt = false;
  uint32_t place = 0;     // Reservations
  uint16_t share = 0;     // in AnswerMemory
  bool is_remembered = false;
  bool is_cancelled = false;  // and as long as the CANCEL may come again, it gets the same answer (RFC 3261 17.2.2, timer J)
  uint32_t loop = 0;
  uint32_t interval_ms = 0;
  uint32_t resend_at = 0;  // tick, 0: never; of a request other than INVITE that waits, when it gets a 100
  uint32_t ends_at = 0;    // tick, 0: never
  int last_status = 0;
  Method method = Method::unknown;
  ServerState state = ServerState::proceeding;
  uint32_t context = 0;   // its ProxiedContext; 0: none, it was answered and no copy waits any more

  bool is_invite() const noexcept { return method == Method::invite; }
  bool is_reliable() const noexcept { return source.kind == FlowKind::stream; }
  bool is_open() const noexcept { return state == ServerState::proceeding; }
};

class ServerTransactions {
 public:
  ServerTransactions(Ground& ground, Turn& turn, Outbox& outbox, ObjectGate& object) noexcept;
  ~ServerTransactions() noexcept;
  ServerTransactions(const ServerTransactions&) = delete;
  ServerTransactions& operator=(const ServerTransactions&) = delete;

  // Identifies the transaction of a request, or the one that an ACK or CANCEL is for if `method` is INVITE. A neighbour may come back over
  // another connection; copying a branch leads into nobody else's transaction (TX-10).
  uint64_t key_of(const Item& item, Method method) const noexcept;
  uint32_t find(uint64_t key) noexcept { return by_key_.find(key); }
  // Starts one for a request whose responses go `back`; 0: there is no room. An INVITE is answered 100 at once (RFC 3261 17.2.1), unless it
  // `was_answered` so already.
  uint32_t open(const Item& item, const ReturnPath& back, uint64_t key, const Address& payer, bool is_exempt, bool was_answered = false) noexcept;

  ServerTransaction& at(uint32_t index) noexcept { return slab_.at(index); }
  // nullptr: it was answered, and no copy waits any more.
  ProxiedContext* context_of(uint32_t index) noexcept { return at(index).context == 0 ? nullptr : &contexts_.at(at(index).context); }
  ProxiedContext& open_context(uint32_t index) noexcept { return contexts_.at(at(index).context = contexts_.take()); }
  void drop_context(uint32_t index) noexcept;
  // The best response so far counts towards the share of its sender, like the request. Without room nothing of it is kept.
  void charge_best(uint32_t index, Room room) noexcept;
  bool holds(uint32_t index, uint64_t serial) noexcept { return index != 0 && slab_.at(index).serial == serial; }
  // `visit(index)`: those that were not answered yet.
  template <typename Visit>
  void each_open(Visit&& visit) noexcept {
    by_key_.each([&](uint32_t index) {
      if (at(index).is_open()) visit(index);
    });
  }
  // Not answered yet.
  uint32_t open_count() const noexcept { return open_; }

  // A response of our own. `lines`: with CRLF.
  void respond(uint32_t index, int status, Text lines = Text()) noexcept;
  // A response as it goes back; late ones are dropped (RFC 6026 7.1), but each 2xx to an INVITE passes.
  // `own`: nobody sent it to us.
  void send(uint32_t index, int status, Text octets, bool own = false) noexcept;
  // The request came again.
  void repeat(uint32_t index) noexcept;
  // The ACK of a final response other than 2xx.
  void acknowledge(uint32_t index) noexcept;
  // Ends without a response: there is none for a request that was not answered in time (RFC 4320 4.2).
  void abandon(uint32_t index) noexcept { close(index); }
  // Answers CANCEL i of the batch, which is for this transaction; 0: for none. The answer has the To tag of the others (RFC 3261 9.2), so it
  // is the same each time the CANCEL comes.
  void answer_cancel(unsigned i, uint32_t index, uint32_t keep_seconds) noexcept;

  void tick() noexcept;
  uint32_t quiet_for() const noexcept { return timers_.quiet_for(); }

 private:
  friend class TransactionsImage;

  struct Links {
    Slab<ServerTransaction>& slab;
    HashLink& link(uint32_t index) noexcept { return slab.at(index).link; }
  };
  struct Nodes {
    Slab<ServerTransaction>& slab;
    WheelNode& node(uint32_t index) noexcept { return slab.at(index).timer; }
  };

  Text tag(uint64_t serial, char* out) const noexcept;
  Text write_own(const Message& request, const ServerTransaction& one, int status, Text lines) noexcept;
  void put(const ServerTransaction& one, int status, Text octets, bool own) noexcept;
  void put_again(ServerTransaction& one) noexcept;
  void keep(ServerTransaction& one, int status, Text octets) noexcept;
  void finish(uint32_t index, ServerState state, uint64_t milliseconds) noexcept;
  uint64_t cancel_memory() const noexcept { return 64 * uint64_t{ground_.config.t1_ms}; }
  void remember_cancel(ServerTransaction& one, uint32_t index, Text octets) noexcept;
  void make_room() noexcept;
  void arm(uint32_t index) noexcept;
  void due(uint32_t index) noexcept;
  void close(uint32_t index) noexcept;

  Ground& ground_;
  Turn& turn_;
  Outbox& outbox_;
  ObjectGate& object_;
  Slab<ServerTransaction> slab_;
  Slab<ProxiedContext> contexts_;
  HashChains<Links> by_key_{Links{slab_}};
  Nodes nodes_{slab_};
  TransactionTimers<Nodes> timers_;
  AnswerMemory memory_;
  SipKey tags_;
  uint64_t serials_ = 0;
  uint32_t open_ = 0;
};

}  // namespace sluice
