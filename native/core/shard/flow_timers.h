// The deadlines of flows: handshakes, unfinished messages, keep-alives (RFC 5626 5.4), idleness.
#pragma once

#include "core/shard/ground.h"
#include "core/transport/stream_layer.h"

namespace sluice {

// Whether SIP can be spoken over a connection.
inline bool is_ready(const Flow& flow) noexcept {
  return flow.layer == nullptr || (flow.layer->stage == Stage::open && (!flow.layer->is_secure || (flow.layer->tls && flow.layer->tls->is_open())));
}

constexpr uint32_t kUdpMemorySeconds = 2 * 3600;  // how long an unsupervised or dead UDP flow is remembered
constexpr uint32_t kPassingSeconds = 600;         // the same of one that nobody registered over
constexpr uint32_t kPongSeconds = 10;             // how long a pinged WebSocket client may stay silent

// What a flow whose deadline came has missed.
enum class Missed : uint8_t {
  nothing,
  may_have_spoken,  // a life sign, unless there is one among what was not read yet
  handshake,     // PROXY header, TLS or WebSocket, or the first message: it holds the connection for nothing
  message,       // the rest of an unfinished message
  connecting,    // the connection that we dial, or the end of one whose peer has ended its side
  life_sign,     // of a supervised or pinged flow
  idle,          // nothing came for too long
  pong_wanted,   // nothing yet: a WebSocket client is to be pinged
};

class FlowTimers {
 public:
  explicit FlowTimers(Ground& ground) noexcept : ground_(ground), wheel_(nodes_, ground.clock.tick()) {}

  // Arms the next deadline of an open flow, by all that is known of it.
  void arm(uint32_t slot) noexcept;
  void arm_in(uint32_t slot, uint32_t seconds) noexcept {
    SLUICE_INVARIANT(ground_.flows.open_at(slot) != nullptr);
    wheel_.arm(slot, seconds * Clock::kTicksPerSecond);
  }
  void cancel(uint32_t slot) noexcept { wheel_.cancel(slot); }
  // From now on the flow ends after so many seconds without a life sign; 0: never for that.
  void supervise(uint32_t slot, uint32_t seconds) noexcept;

  Missed missed(const Flow& flow) const noexcept;

  // Calls `due(slot)` for the flows whose deadline has come; they are not armed then.
  template <typename Due>
  void tick(Due&& due) noexcept {
    look_at_clock();
    wheel_.advance(ground_.clock.tick(), kExpiriesPerTick, due);
  }

  size_t armed() const noexcept { return wheel_.size(); }

 private:
  struct Nodes {
    FlowTable& table;
    WheelNode& node(uint32_t slot) noexcept { return table.node(slot); }
  };
  static constexpr size_t kExpiriesPerTick = 2048;

  bool pings(const Flow& flow) const noexcept;
  // Whether a life sign of a flow may have come already, though it was not read yet.
  bool may_be_unread(const Flow& flow) const noexcept;
  uint32_t ping_after(const Flow& flow) const noexcept;
  void look_at_clock() noexcept;

  Ground& ground_;
  Nodes nodes_{ground_.flows};
  TimingWheel<Nodes> wheel_;
  uint32_t last_tick_ = ground_.clock.tick();
  uint32_t patience_until_ = last_tick_;  // tick; until then nobody counts as silent
};

}  // namespace sluice
