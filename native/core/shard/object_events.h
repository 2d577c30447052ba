// What the object path and the home proxy by numbers must learn at once: flows and requests of theirs that failed, here or on another shard.
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
  // Requests are proxied by numbers too: from now on their events are kept for proxying.h.
  void serve_numbers() noexcept { serves_numbers_ = true; }
  // The oldest of those. False: there is none.
  bool take_for_numbers(ObjectEvent& out) noexcept;
  bool has_for_numbers() const noexcept { return !for_numbers_.empty(); }
  // The oldest, at most `most`.
  std::vector<ObjectEvent> take(size_t most) noexcept;

  // The shard that owns the flow ends its bindings; the others may be waiting for responses over it.
  void flow_ended(Text id) noexcept;
  // The same for an open flow, once, if the object path asked for it.
  void bound_flow_ended(uint32_t slot) noexcept;
  // Requests of the object path that were sent over it fail: it leads nowhere.
  void flow_failed(Text id) noexcept { list_.push_back({ObjectEventKind::flow_gone_elsewhere, std::string(id)}); }
  // The same, and the bindings over it end in a store that TypeScript asks.
  void flow_unreachable(Text id) noexcept { list_.push_back({ObjectEventKind::flow_gone, std::string(id)}); }
  // A request could not be sent. False: it belongs to no transaction of the home proxy.
  bool send_failed(Text branch) noexcept;
  // The datagram with the request of this branch failed: `unreachable`, `too_large` or `held_back`. Each shard sends its own. False: it belongs to
  // no transaction of this shard.
  bool datagram_failed(ObjectEventKind kind, Text branch) noexcept;
  // Retries what did not fit in another shard's ring.
  void retry() noexcept;
  bool has_unsent() const noexcept { return !unsent_.empty(); }
  // An event from another shard.
  void take(const RingHead& head, Text text) noexcept;

  // For the successor of this process.
  void freeze(ImageWriter& image) const noexcept;
  void adopt(ImageReader& image) noexcept;
  void let_go() noexcept;

 private:
  // 8 MB of flow ids: more flows than end while a shard restarts.
  static constexpr size_t kMaxUnsent = 65'536;

  struct Unsent {
    uint8_t shard;
    RingHead head;
    std::string text;
  };

  void add(ObjectEventKind kind, Text text, bool for_objects, bool for_numbers) noexcept;
  void send_event(uint8_t shard, RingHead::Kind kind, Text text) noexcept;

  Ground& ground_;
  Crossing& crossing_;
  std::deque<ObjectEvent> list_;
  std::deque<ObjectEvent> for_numbers_;
  bool serves_numbers_ = false;
  std::deque<Unsent> unsent_;
};

}  // namespace sluice
