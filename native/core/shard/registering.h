// REGISTERs decided by numbers (RFC 3261 10.3, RFC 5626 6): fills the rows for the policy and carries out its verdicts. The table changes
// message by message; the changes of the whole batch are written to the journal at once, and then the responses are sent.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/base/now_ns.h"
#include "core/base/open_text.h"
#include "core/home/binding_store.h"
#include "core/home/register_answer.h"
#include "core/home/register_memory.h"
#include "core/home/register_request.h"
#include "core/shard/inspect.h"
#include "core/shard/object_gate.h"
#include "core/shard/register_login.h"
#include "core/shard/shared_registers.h"

namespace sluice {

// Set by the operator.
struct RegisterSettings {
  ServedDomains domains;
  bool is_open = false;  // anyone may register
  uint32_t max_contacts = 10;
  uint32_t max_flows = 4;
  uint32_t keep_seconds = 0;  // the response to `keep` (RFC 6223)
  std::string supported;      // option tags
};

class Registering {
 public:
  Registering(Ground& ground, Turn& turn, Responder& responder, ObjectGate& object, Inspect& inspect) noexcept
      : ground_(ground), turn_(turn), responder_(responder), object_(object), inspect_(inspect), login_(ground) {}

  // From now on fills `rows`, register_fields numbers per message of a batch. `clock_offset`: milliseconds from the monotonic clock to the
  // store's. `sealer` encrypts temporary GRUUs.
  void open(std::shared_ptr<BindingStore> store, int64_t clock_offset, std::unique_ptr<Sealer> sealer, int32_t* rows);
  // The same with a store that nodes share: it is asked by TypeScript, and set_clock() says its time.
  void open_shared(NodeName node, std::unique_ptr<Sealer> sealer, int32_t* rows);
  void set_clock(int64_t offset) noexcept {
    if (desk_ != nullptr) desk_->clock_offset = offset;
  }
  uint32_t waiting() const noexcept { return desk_ == nullptr || desk_->shared == nullptr ? 0 : desk_->shared->waiting(); }
  SharedRegisters* shared() noexcept { return desk_ == nullptr ? nullptr : desk_->shared.get(); }
  // What the store says of a batch of shared(); empty: it did not answer.
  void answer_shared(uint32_t batch, Text outcomes) noexcept;
  void configure(RegisterSettings settings) { settings_ = std::move(settings); }
  // For the successor of this process: which retransmissions it will see.
  void freeze(ImageWriter& image) const noexcept {
    if (desk_ == nullptr) image.count(0);
    else desk_->memory.freeze(image, ground_.clock.tick());
  }
  void adopt(ImageReader& image) noexcept {
    RegisterMemory nobodys(0);
    (desk_ == nullptr ? nobodys : desk_->memory).adopt(image, ground_.clock.tick());
  }

  RegisterLogin& login() noexcept { return login_; }
  // Item i belongs to a transaction of the object path.
  bool is_held(unsigned i) const noexcept { return desk_ != nullptr && turn_.item(i).message.method == Method::register_ && state(i) == RegisterState::held; }
  // Of item i.
  LoginState check_login(unsigned i) noexcept;

  // Fills the rows of the batch.
  void read() noexcept {
    if (desk_ == nullptr) return;
    desk_->proven = desk_->copies = 0;
    for (unsigned i = 0; i < turn_.count(); ++i) read(i);
  }
  // Carries out the verdict on item i; finish() sends the response.
  void carry_out(unsigned i) noexcept;
  // Item i goes to the object path.
  void leave(unsigned i) noexcept;
  // Writes the journal, then sends the responses of the batch.
  void finish() noexcept {
    if (desk_ != nullptr && !desk_->done.empty()) leave_together();
  }

 private:
  struct Done {
    unsigned item = 0;
    int status = 0;
    Text reason;
    bool changes = false;  // the table changed, so the journal must have it first
    bool is_copy = false;  // retransmits a REGISTER of this batch
    size_t answer_at = 0;
    size_t answer_size = 0;
  };

  // Exists only in a registrar.
  struct Desk {
    Desk(std::shared_ptr<BindingStore> of, uint32_t most) : store(std::move(of)), memory(most) {}
    std::shared_ptr<BindingStore> store;      // or else `shared`
    std::unique_ptr<SharedRegisters> shared;
    int64_t clock_offset = 0;
    int32_t* rows = nullptr;
    std::unique_ptr<GruuWriter> gruus;
    std::deque<RegisterRequest> requests;  // one per message of the batch
    uint64_t transactions[k_batch_size];   // transaction_of() each
    uint64_t proven = 0;                   // bit i: the login of item i was proven by its credentials
    uint64_t copies = 0;                   // bit i: item i retransmits one of those
    uint32_t rests_until = 0;              // tick
    RegisterMemory memory;
    ContactLines contacts;
    DateLine date;
    RegisterOperation operation;
    char flow[kMaxFlowId];                 // of `operation`
    std::vector<Done> done;                // of this batch
    OpenText answers;                      // until the next batch
    uint64_t failures = 0;                 // of the journal, before the first change of the batch
  };

  void read(unsigned i) noexcept;
  RegisterState state(unsigned i) const noexcept { return static_cast<RegisterState>(desk_->rows[i * k_register_fields + kRegister_state]); }
  uint64_t transaction_of(const Item& item) const noexcept;
  uint16_t payer_of(const Item& item) const noexcept;
  bool is_copy_of(unsigned i, unsigned first) const noexcept;
  const Done* original_of(unsigned i) const noexcept;
  uint64_t store_now() const noexcept { return now_ns() / 1'000'000 + static_cast<uint64_t>(desk_->clock_offset); }
  void write_operation(unsigned i, uint64_t now) noexcept;
  RegisterGranted granted(unsigned i) const noexcept;
  bool is_again(unsigned i) const noexcept { return state(i) == RegisterState::answered || state(i) == RegisterState::damaged || state(i) == RegisterState::refused; }
  RegisterExtras extras_of(unsigned i) const noexcept;
  bool is_waiting(unsigned i) const noexcept;
  bool hold(unsigned i) noexcept;
  bool save(unsigned i, bool is_copy, uint64_t now, Outcome& outcome) noexcept;
  void accept(Done& done) noexcept;
  void refuse(int status, Text reason, Done& done) noexcept;
  void keep(int status, const Writer& out, Done& done) noexcept;
  void refuse_for_now(Done& done) noexcept;
  void refuse_as_before(Done& done) noexcept;
  void refuse_source(Done& done) noexcept;
  void rest(Done& done) noexcept;
  void leave_together() noexcept;
  void send(const Done& done) noexcept;
  void remember(const Done& done) noexcept;
  void bind(unsigned i) noexcept;

  Ground& ground_;
  Turn& turn_;
  Responder& responder_;
  ObjectGate& object_;
  Inspect& inspect_;
  RegisterSettings settings_;
  RegisterLogin login_;
  std::unique_ptr<Desk> desk_;  // nullptr: all REGISTERs go to the object path
};

}  // namespace sluice
