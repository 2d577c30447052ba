// What happens when a flow ends, whatever its kind and whoever ended it.
#pragma once

#include "core/flow/flow_notes.h"
#include "core/shard/object_events.h"
#include "core/shard/remembered.h"

namespace sluice {

class FlowEnds {
 public:
  FlowEnds(Ground& ground, Remembered& remembered, ObjectEvents& object) noexcept
      // A registrar's table of bindings tells who registers and who leaves.
      : ground_(ground), remembered_(remembered), object_(object), notes_(ground.counters, ground.news, !ground.config.home) {}

  // No token leads to the flow any longer: tells those who wait for responses over it.
  void gone(uint32_t slot) noexcept {
    remembered_.flow_is_gone(slot);
    object_.bound_flow_ended(slot);
  }
  // For the operator's list.
  void note(uint32_t slot, Counter why) noexcept {
    const Flow& flow = ground_.flows.at(slot);
    if (ground_.config.notes && (flow.flags & (kFlow_core | kFlow_dead)) == 0) notes_.ended(slot, flow, why, ground_.clock.tick());
    notes_.drop(slot);
  }
  FlowNotes& notes() noexcept { return notes_; }
  const FlowNotes& notes() const noexcept { return notes_; }

 private:
  Ground& ground_;
  Remembered& remembered_;
  ObjectEvents& object_;
  FlowNotes notes_;
};

}  // namespace sluice
