// Requests to our users, proxied by numbers (RFC 3261 16, RFC 5626 7): fills the rows for the policy, and carries out its verdicts from the
// first copy to the best response. The rules are those of src/proxy/response-context.ts; docs/decisions/requests-by-numbers.md says which
// requests come here.
#pragma once

#include <bitset>
#include <deque>
#include <memory>

#include "core/base/recent_set.h"
#include "core/home/binding_store.h"
#include "core/home/plain_request.h"
#include "core/home/register_memory.h"
#include "core/home/shared_saves.h"
#include "core/shard/client_transactions.h"
#include "core/shard/registering.h"
#include "core/shard/server_transactions.h"
#include "core/shard/shared_lookups.h"
#include "core/shard/transactions_image.h"

namespace sluice {

// Set by the operator.
struct ProxySettings {
  ServedDomains domains;
  std::vector<TrustedNet> edges;    // they relay what strangers send
  std::vector<TrustedNet> trusted;  // they vouch for what they send, whether they are edges or not
  std::bitset<700> failover;        // final responses after which the next flow of the device is tried
  uint32_t timer_c_ms = 0;
  uint32_t silence_ms = 0;          // how long a way may stay silent while there is another one
  uint32_t keep_seconds = 0;        // the response to `keep` (RFC 6223)
};

// A request that the object path has read, admitted and found a callee for.
struct DecidedRequest {
  Text octets;            // as received
  Text flow;              // ids of where it came from, and where its responses go
  Text answer_flow;
  bool from_core = false;
  bool was_answered = false;  // an INVITE, with 100
  bool is_exempt = false;
  Address payer;          // whose share of our memory it takes
  uint32_t loop = 0;      // RFC 5393 4.2
  Callee callee;
};

class Proxying final : public ClientUser {
 public:
  Proxying(Ground& ground, Turn& turn, Outbox& outbox, Responder& responder, ObjectGate& object, ObjectEvents& events, Registering& registering) noexcept
      : ground_(ground), turn_(turn), outbox_(outbox), responder_(responder), object_(object), events_(events), registering_(registering) {}

  // From now on fills `rows`, request_fields numbers per message of a batch. `clock_offset`: milliseconds from the monotonic clock to the
  // store's. `silences`: ways that stayed silent recently, shared by all shards.
  void open(std::shared_ptr<BindingStore> store, int64_t clock_offset, RecentSet& silences, int32_t* rows);
  // The same with a store that nodes share: it is asked by TypeScript, and set_clock() says its time. `node`: which of them we are.
  void open_shared(std::string node, RecentSet& silences, int32_t* rows);
  void set_clock(int64_t offset) noexcept {
    if (desk_ != nullptr) desk_->clock_offset = offset;
  }
  SharedLookups* shared() noexcept { return desk_ == nullptr ? nullptr : desk_->shared.get(); }
  // What the store says of a batch of shared(); empty: it did not answer. The caller flushes the output.
  void answer_shared(uint32_t batch, Text outcomes) noexcept;
  void configure(ProxySettings settings);

  // Fills the rows of the batch.
  void read() noexcept {
    if (desk_ == nullptr) return;
    for (unsigned i = 0; i < turn_.count(); ++i) read(i);
  }
  // Item i belongs to a transaction of the object path.
  bool is_held(unsigned i) const noexcept { return desk_ != nullptr && state(i) == RequestState::held; }
  // It is the ACK or CANCEL of one.
  bool is_about_held(unsigned i) const noexcept;
  // A neighbour that speaks for many.
  bool is_vouched(const Source& source) const noexcept;
  // Of item i, whose From is one of ours.
  LoginState check_login(unsigned i) noexcept;
  // Carries out the verdict on item i.
  void carry_out(unsigned i) noexcept;
  // Carries out what the object path has decided. False: it takes more than numbers, or there is no room, and nothing has happened. The caller
  // flushes the output.
  bool take_decided(const DecidedRequest& given) noexcept;
  // Item i goes to the object path.
  void leave(unsigned i) noexcept;
  // Ends the turn: bindings that led nowhere leave the journal.
  void finish() noexcept;

  bool has_events() const noexcept { return events_.has_for_numbers(); }
  void take_events() noexcept;
  void tick() noexcept;
  uint32_t quiet_for() const noexcept { return desk_ == nullptr ? UINT32_MAX : std::min(desk_->servers.quiet_for(), desk_->clients.quiet_for()); }
  // Requests that were not answered yet.
  uint32_t open_count() const noexcept { return desk_ == nullptr ? 0 : desk_->servers.open_count(); }

  // nullptr: none, or one that is not ours alone.
  BindingStore* store() noexcept { return desk_ == nullptr ? nullptr : desk_->store.get(); }
  // For the successor of this process.
  void freeze(ImageWriter& image) noexcept;
  void adopt(ImageReader& image) noexcept;
  void let_go() noexcept;

  void heard(uint32_t index, const Message& response) noexcept override;
  void failed(uint32_t index, ClientFailure why) noexcept override;

 private:
  // A message of the batch, as read for the policy.
  struct Asked {
    PlainRequest request;
    Ways ways;
    uint64_t key = 0;     // of its server transaction, or the one that it is about; 0: none
    bool vouched = false;
  };

  // Exists only in a registrar.
  struct Desk {
    Desk(Ground& ground, Turn& turn, Outbox& outbox, ObjectGate& object, std::shared_ptr<BindingStore> of)
        : store(std::move(of)), servers(ground, turn, outbox, object), clients(ground, outbox, object), held(ground.config.limits.max_pending) {}
    std::shared_ptr<BindingStore> store;  // or else `shared`
    std::unique_ptr<SharedLookups> shared;
    int64_t clock_offset = 0;
    RecentSet* silences = nullptr;
    int32_t* rows = nullptr;
    ServerTransactions servers;
    ClientTransactions clients;
    RegisterMemory held;  // transactions over UDP on the object path
    std::deque<Asked> asked;
    Ways ways;            // looked up again
    Item decided{};
    PlainRequest decided_request;
    bool changed = false;
  };

  RequestState state(unsigned i) const noexcept { return static_cast<RequestState>(desk_->rows[i * k_request_fields + kRequest_state]); }
  void read(unsigned i) noexcept;
  int32_t twin_of(unsigned i) const noexcept;
  RequestState judge(unsigned i, Asked& asked, uint32_t& caller) noexcept;
  // Milliseconds of the store's clock at that moment of now_ns().
  uint64_t store_time(uint64_t now) const noexcept { return now / 1'000'000 + static_cast<uint64_t>(desk_->clock_offset); }
  void sort(Ways& ways, uint64_t now) noexcept;
  bool find_ways(const Callee& callee, Ways& out) noexcept;
  // The live upstreams, the best first (RFC 3263 4.3). False: there are none, or too many.
  bool find_upstreams(const Message& request, Ways& out) noexcept;
  // Of one that has a transaction: `desk_->ways` becomes those of now.
  void look_up(uint32_t server) noexcept;
  Callee callee_of(uint32_t server) noexcept;
  bool asks_store(uint32_t server) const noexcept { return desk_->shared != nullptr && !desk_->servers.at(server).aor.empty(); }
  bool are_plain(const Ways& ways) noexcept;
  void begin(unsigned i, const Asked& asked) noexcept;
  void refuse_for_now(const Item& item) noexcept;
  void prepare(uint32_t server, const Item& item, const PlainRequest& request) noexcept;
  void start(uint32_t server, const Ways& ways, const Message* request = nullptr) noexcept;
  void cancel(unsigned i, uint32_t server) noexcept;

  // proxying_shared.cc
  // `fork`: which device has failed, and `last` what it said; nullptr: the request has just come.
  void ask(uint32_t server, Fork* fork, const Message* last) noexcept;
  void find_shared(uint32_t server, SharedOutcomes& outcomes) noexcept;
  void answer_fork(uint32_t server, Fork& fork, bool is_found) noexcept;
  void leave_admitted(uint32_t server) noexcept;
  bool is_held(uint64_t key, const Source& source) const noexcept;
  void remember_held(uint64_t key, const Source& source) noexcept;

  // proxying_context.cc
  uint32_t owner_of(const ClientWay& branch) noexcept;  // 0: it has ended
  // `request`: its own, while it is in the batch. `ways`: nullptr: they are looked up.
  void start_waiting(uint32_t server, const Ways* ways, const Message* request) noexcept;
  bool try_next(uint32_t server, Fork& fork, const Ways& ways, const Message* request) noexcept;
  void look_again(uint32_t server, Fork& fork, const Message* last) noexcept;
  void end_fork(uint32_t server, Fork& fork, const Message* response) noexcept;
  void close(ProxiedContext& context, Text reasons, const Fork* but) noexcept;
  ClientTransactions::Started send_copy(uint32_t server, Fork& fork, const Way& way, const Message* request) noexcept;
  void put_record_routes(const ServerTransaction& server, const ClientWay& to, Writer& out) noexcept;
  void put_pair(const FlowId& flow, Side first, const Neighbour* neighbour, Writer& out) noexcept;
  void failed_with(uint32_t server, Fork& fork, const ClientWay& branch, int status, const Message* response) noexcept;
  // A way of the device has ended, perhaps with this response. `moves`: its next one is tried, if there is any.
  void go_on(uint32_t server, Fork& fork, const Message* response, bool moves) noexcept;
  // Its way could not be used.
  void note_unreachable(uint32_t server) noexcept;
  void drop_binding(const ServerTransaction& server, const Fork& fork, const ClientWay& branch) noexcept;
  void note_silence(const ClientWay& branch, bool silent) noexcept;
  void pass_on(uint32_t server, const Message& response) noexcept;
  void conclude(uint32_t server, const Message* best) noexcept;
  void answer(uint32_t server, ProxiedContext& context, const Message* best) noexcept;

  Ground& ground_;
  Turn& turn_;
  Outbox& outbox_;
  Responder& responder_;
  ObjectGate& object_;
  ObjectEvents& events_;
  Registering& registering_;
  ProxySettings settings_;
  std::unique_ptr<Desk> desk_;  // nullptr: all requests go to the object path
};

}  // namespace sluice
