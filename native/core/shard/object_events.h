// What the object path must hear of at once: flows and requests of its own that failed, here or on another shard.
#pragma once

#include <string>
#include <vector>

#include "core/shard/crossing.h"

namespace sluice {

struct ObjectEvent {
  ObjectEventKind kind;
  std::string text;  // flow id, or branch
};

class ObjectEvents {
 public:
  ObjectEvents(Ground& ground, Crossing& crossing) noexcept : ground_(ground), crossing_(crossing) {}

  std::vector<ObjectEvent>& list() noexcept { return list_; }

  // The shard that owns the flow ends its bindings; the others may wait for answers over it.
  void flow_ended(Text id) noexcept;
  // The same of an open flow, once, if the object path asked for it.
  void bound_flow_ended(uint32_t slot) noexcept;
  // A request that could not be sent. False: it is none of the object path's.
  bool send_failed(Text branch) noexcept;
  // News of another shard.
  void take(const RingHead& head, Text text) noexcept;

 private:
  Ground& ground_;
  Crossing& crossing_;
  std::vector<ObjectEvent> list_;
};

}  // namespace sluice
