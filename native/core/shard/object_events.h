// What the object path must learn at once: flows and requests of its own that failed, here or on another shard.
#pragma once

#include <deque>
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

  bool empty() const noexcept { return list_.empty(); }
  // The oldest, at most `most`.
  std::vector<ObjectEvent> take(size_t most) noexcept;

  // The shard that owns the flow ends its bindings; the others may be waiting for responses over it.
  void flow_ended(Text id) noexcept;
  // The same for an open flow, once, if the object path asked for it.
  void bound_flow_ended(uint32_t slot) noexcept;
  // A request could not be sent. False: it does not belong to the object path.
  bool send_failed(Text branch) noexcept;
  // ICMP reports that the request with this branch reached nothing. False: it is not a request of this shard's object path.
  bool unreachable(Text branch) noexcept;
  // Retries what did not fit in another shard's ring.
  void retry() noexcept;
  // An event from another shard.
  void take(const RingHead& head, Text text) noexcept;

 private:
  // 8 MB of flow ids: more flows than end while a shard restarts.
  static constexpr size_t kMaxUnsent = 65'536;

  struct Unsent {
    uint8_t shard;
    RingHead head;
    std::string text;
  };

  void send_event(uint8_t shard, RingHead::Kind kind, Text text) noexcept;

  Ground& ground_;
  Crossing& crossing_;
  std::deque<ObjectEvent> list_;
  std::deque<Unsent> unsent_;
};

}  // namespace sluice
