// REGISTERs decided by numbers whose bindings are in a store that several nodes share: the 200 waits until the store has them. Those of a
// batch go there together, as one script; TypeScript carries it there and brings back what became of them (src/shard/register-desk.ts).
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/open_text.h"
#include "core/home/register_answer.h"
#include "core/home/register_memory.h"
#include "core/home/register_request.h"
#include "core/home/shared_saves.h"
#include "core/shard/inspect.h"
#include "core/shard/object_gate.h"

namespace sluice {

// How other nodes reach flows of this one.
struct NodeName {
  std::string name;
  std::string route_head, route_tail;  // of a Path, around the token of a flow; empty: they cannot
};

class SharedRegisters {
 public:
  SharedRegisters(Ground& ground, Responder& responder, ObjectGate& object, Inspect& inspect, RegisterMemory& memory, NodeName node) noexcept
      : ground_(ground), responder_(responder), object_(object), inspect_(inspect), memory_(memory), node_(std::move(node)) {}

  // Adds to a binding over a flow of ours what other nodes need. The texts live until the next call.
  void name_node(Binding& binding) noexcept;

  struct Asked {
    unsigned item = 0;
    const Item* message = nullptr;
    const RegisterRequest* request = nullptr;
    uint64_t transaction = 0;
    bool changes = false;     // or else it asks for the bindings
    uint32_t grants = 0;      // kGrant_ bits
    bool is_charged = false;  // to `client`
    bool is_exempt = false;   // a neighbour that does not name its client
    Address client;
    uint32_t seconds = 0;     // 0: removal
    uint32_t keep_seconds = 0;
    RegisterExtras extras;
  };
  // Holds its answer back. False: there is no room for it.
  bool hold(const Asked& asked, const RegisterOperation& operation) noexcept;
  uint32_t waiting() const noexcept { return waiting_; }

  // What the store has not been asked for yet.
  bool has_new() const noexcept { return !new_.empty(); }
  struct Batch {
    uint32_t number;
    Text saves;
    Text names;  // lines in latin1, four for each REGISTER: address of record, flow, client that is charged, and expiry of its binding
  };
  Batch take() noexcept;  // its texts live until the next hold()
  // The store has carried them out; without outcomes it did not answer. The caller flushes the output.
  void answer(uint32_t batch, Text outcomes, uint64_t now, GruuWriter* gruus, ContactLines& contacts, DateLine& date);

 private:
  enum Piece : unsigned { kHead, kTail, kAor, kKey, kInstance, kFlow, kRequest, kPieces };
  struct Held {
    Source source;
    ReturnPath back;
    Address client;
    uint64_t transaction = 0;
    uint32_t place = 0;  // of the object path's limits
    uint32_t tapped = 0;
    uint32_t seconds = 0;
    uint32_t flow_timer = 0;
    bool changes = false;
    uint32_t grants = 0;  // kGrant_ bits
    uint32_t ends[kPieces] = {};
    std::unique_ptr<char[]> octets;

    Text piece(Piece which) const noexcept {
      const uint32_t begin = which == 0 ? 0 : ends[which - 1];
      return Text(octets.get() + begin, ends[which] - begin);
    }
  };
  struct Answer {
    uint32_t held;
    int status;
    size_t at, size;
    bool is_refusal = false;  // the store's own
  };

  Answer accept(uint32_t index, SharedOutcomes& outcomes, uint64_t now, GruuWriter* gruus, ContactLines& contacts, DateLine& date);
  Answer refuse(uint32_t index, int status, Text reason);
  Answer answer_to(uint32_t index, int status, const Writer& out);
  void send(const Answer& answer) noexcept;
  void bind(const Held& held) noexcept;

  Ground& ground_;
  Responder& responder_;
  ObjectGate& object_;
  Inspect& inspect_;
  RegisterMemory& memory_;
  const NodeName node_;
  std::string path_;  // of name_node()
  std::vector<Held> held_;
  std::vector<uint32_t> free_;
  uint32_t waiting_ = 0;
  SharedSaves saves_;
  std::string names_;
  std::vector<uint32_t> new_;
  uint32_t batches_ = 0;
  std::unordered_map<uint32_t, std::vector<uint32_t>> batches_out_;
  OpenText answers_;
  std::vector<Answer> made_;
};

}  // namespace sluice
