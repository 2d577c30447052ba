// The way to the other shards of the process: messages and events over their rings, and the descriptors that wake them.
#pragma once

#include <vector>

#include "core/base/image.h"
#include "core/base/ring.h"
#include "core/shard/ground.h"

namespace sluice {

// The header of each record.
struct RingHead {
  enum Kind : uint8_t {
    message,         // received there, for us to relay
    stream_octets,   // a response for a connection of ours
    object_request,  // a request of another shard's object path for a connection of ours
    flow_gone,       // event: the id of a flow
    send_failed,     // event: the branch of a request
  } kind;
  bool final;  // for stream_octets; of a message: Item::admitted
  uint32_t slot;
  uint32_t generation;
  Source source;
};

class Crossing {
 public:
  // `rings[i]` and `wakes[i]` (an eventfd) belong to shard i; this shard reads its own and writes the others'.
  Crossing(Ground& ground, std::vector<Ring*> rings, std::vector<int> wakes) noexcept;

  // False: the ring is full; this is counted.
  bool push(uint8_t shard, const RingHead& head, Text octets, Text body = Text()) noexcept;

  // A message for shard i to relay, ourselves included. `admitted`: Item::admitted.
  bool push_message(uint8_t shard, const Source& source, Text octets, bool admitted) noexcept;

  // Our own ring. The octets are valid until pop(); false: the ring is empty.
  bool front(RingHead& head, Text& octets) noexcept;
  void pop() noexcept {
    own().pop();
    kept_.has_taken(++taken_);
  }
  bool empty() noexcept;

  // For the successor of this process: what lies in our own ring. All shards must be at rest.
  void freeze(ImageWriter& image) noexcept;
  void adopt(ImageReader& image) noexcept;
  void discard() noexcept;  // it has been handed over

  int wake_fd() const noexcept { return wakes_[shard_]; }
  void wake_self() noexcept;
  void woken() noexcept;  // consumes the wake-up

 private:
  Ring& own() noexcept { return *rings_[shard_]; }
  void wake(uint8_t shard) noexcept;

  Counters& counters_;
  KeptFlows& kept_;
  std::vector<Ring*> rings_;
  std::vector<int> wakes_;
  uint8_t shard_;
  uint32_t handed_ = 0;
  uint32_t taken_ = 0;
  const EdgeConfig& config_;
};

}  // namespace sluice
