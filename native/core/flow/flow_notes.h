// What the operator may want to know about flows: the AORs registered over them, and how recent flows ended. Written once per REGISTER
// and once when a flow ends, never per message.
#pragma once

#include <memory>
#include <vector>

#include "core/flow/flow_table.h"
#include "core/sip/message.h"

namespace sluice {

// One AOR on one flow. The texts follow it in the same block of memory.
struct Registration {
  std::unique_ptr<Registration> next;
  uint32_t since = 0;      // tick of the first 2xx
  uint32_t refreshed = 0;  // tick of the last 2xx
  uint32_t reg_id = 0;     // 0: none
  uint32_t mark = 0;       // hash of the REGISTER: an equal one is a refresh and is not read again
  uint8_t aor_size = 0;
  uint8_t instance_size = 0;

  char* text() noexcept { return reinterpret_cast<char*>(this + 1); }
  Text both() const noexcept { return Text(reinterpret_cast<const char*>(this + 1), size_t{aor_size} + instance_size); }
  Text aor() const noexcept { return both().substr(0, aor_size); }
  Text instance() const noexcept { return both().substr(aor_size); }
  void operator delete(void* memory) noexcept { ::operator delete(memory); }
};

// A flow that ended.
struct FlowEnd {
  static constexpr size_t kText = 160;
  Address remote;
  uint16_t listener = 0;
  FlowKind kind = FlowKind::stream;
  Counter why = Counter::flows_closed;
  uint32_t opened = 0;  // tick; UDP: of its first registration
  uint32_t ended = 0;   // tick
  uint32_t messages = 0;
  uint8_t aor_size = 0;
  uint8_t instance_size = 0;
  char text[kText];     // AOR, then instance, of its newest registration
};

class FlowNotes {
 public:
  static constexpr size_t kEnds = 256;

  // A client's REGISTER leaves for the core under `key`, its transaction's key there; `slot` is its flow, 0: not remembered yet.
  void asked(uint64_t key, const Message& request, uint32_t slot) noexcept;
  // Its 2xx has arrived; `slot` is the client's flow, 0: we remember nothing about it.
  void granted(uint64_t key, uint32_t slot, uint32_t tick) noexcept;

  // An AOR registered over a flow, as reported by whoever accepted it. `leaves`: it is no longer registered.
  void add(uint32_t slot, Text aor, Text instance, uint32_t reg_id, bool leaves, uint32_t tick, uint32_t mark = 0) noexcept;
  void ended(uint32_t slot, const Flow& flow, Counter why, uint32_t tick) noexcept;
  // Forgets the AORs of a slot that is about to be reused.
  void drop(uint32_t slot) noexcept;

  const Registration* of(uint32_t slot) const noexcept { return slot < notes_.size() ? notes_[slot].get() : nullptr; }
  // `back` 0 is the most recent; nullptr: there are not that many.
  const FlowEnd* end_at(size_t back) const noexcept;

 private:
  static constexpr size_t kAsked = 2048;
  static constexpr size_t kMaxAorsOfFlow = 16;

  // A REGISTER in transit. A second one in the same place replaces it; the next refresh makes up for the loss.
  struct Asked {
    uint64_t key = 0;
    uint32_t reg_id = 0;
    uint32_t mark = 0;
    uint8_t aor_size = 0;
    uint8_t instance_size = 0;
    bool leaves = false;
    bool refresh = false;
    char text[170];
  };

  std::unique_ptr<Asked[]> asked_;
  std::vector<std::unique_ptr<Registration>> notes_;  // by slot
  std::vector<FlowEnd> ends_;
  size_t ends_at_ = 0;
};

}  // namespace sluice
