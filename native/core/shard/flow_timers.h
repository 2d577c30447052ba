// The deadlines of flows: handshakes, unfinished messages, keep-alives (RFC 5626 5.4), idleness.
#pragma once

#include "core/base/image.h"
#include "core/shard/ground.h"
#include "core/transport/stream_layer.h"

namespace sluice {

// Whether SIP can be spoken over a connection.
inline bool is_ready(const Flow& flow) noexcept {
  return flow.stream.layer == nullptr || (flow.stream.layer->stage == Stage::open && (!flow.stream.layer->is_secure || (flow.stream.layer->tls && flow.stream.layer->tls->is_open())));
}

// Whether the rest of a message or of a TLS record is due over a connection.
inline bool is_partial(const Flow& flow) noexcept { return (flow.marks & kMark_partial) != 0 || (flow.stream.layer != nullptr && flow.stream.layer->record != nullptr); }

constexpr uint32_t kUdpMemorySeconds = 2 * 3600;  // how long to remember an unsupervised or dead UDP flow
constexpr uint32_t kPassingSeconds = 600;         // the same for one that nobody registered over
constexpr uint32_t kPongSeconds = 10;             // how long a pinged WebSocket client may stay silent

// What a flow has missed when its deadline comes.
enum class Missed : uint8_t {
  nothing,
  may_have_spoken,  // a sign of life, unless one is still unread
  handshake,     // PROXY header, TLS, WebSocket or the first message: it holds the connection for nothing
  message,       // the rest of an unfinished message
  connecting,    // to open, for a connection we dial; or to end, after the peer has closed its side
  life_sign,     // a sign of life, for a supervised or pinged flow
  idle,          // nothing has arrived for too long
  pong_wanted,   // nothing yet: time to ping the WebSocket client
};

class FlowTimers {
 public:
  explicit FlowTimers(Ground& ground) noexcept : ground_(ground), wheel_(nodes_, ground.clock.tick()) {}

  // Arms the next deadline of an open flow, from everything known about it.
  void arm(uint32_t slot) noexcept;
  void arm_in(uint32_t slot, uint32_t seconds) noexcept {
    SLUICE_INVARIANT(ground_.flows.open_at(slot) != nullptr);
    wheel_.arm(slot, seconds * Clock::kTicksPerSecond);
  }
  // For the successor of this process: the deadline that an adopted flow had there. Both have the same clock (CLOCK_MONOTONIC).
  void arm_at(uint32_t slot, uint32_t due) noexcept {
    const uint32_t now = ground_.clock.tick();
    wheel_.arm(slot, static_cast<int32_t>(due - now) > 0 ? due - now : 1);
  }
  void freeze(ImageWriter& image) const noexcept { image.fields(last_tick_, patience_until_); }
  void adopt(ImageReader& image) noexcept { image.fields(last_tick_, patience_until_); }

  void cancel(uint32_t slot) noexcept { wheel_.cancel(slot); }
  // From now on the flow ends after this many seconds without a sign of life; 0: never for that reason. An earlier deadline stays armed: each
  // refresh comes here, and if nothing is missed then, the flow is armed anew.
  void supervise(uint32_t slot, uint32_t seconds) noexcept;

  Missed missed(const Flow& flow) const noexcept;

  // Calls `due(slot)` for the flows whose deadline has come; they are no longer armed.
  template <typename Due>
  void tick(Due&& due) noexcept {
    look_at_clock();
    wheel_.advance(ground_.clock.tick(), kExpiriesPerTick, due);
  }

  size_t armed() const noexcept { return wheel_.size(); }
  uint32_t quiet_for() const noexcept { return wheel_.quiet_for(); }

 private:
  struct Nodes {
    FlowTable& table;
    WheelNode& node(uint32_t slot) noexcept { return table.node(slot); }
  };
  static constexpr size_t kExpiriesPerTick = 2048;

  uint32_t deadline(uint32_t slot) const noexcept;  // ticks from now; 0: none
  bool pings(const Flow& flow) const noexcept;
  // Whether a sign of life may have arrived already and be still unread.
  bool may_be_unread(const Flow& flow) const noexcept;
  uint32_t ping_after(const Flow& flow) const noexcept;
  void look_at_clock() noexcept;

  Ground& ground_;
  Nodes nodes_{ground_.flows};
  TimingWheel<Nodes> wheel_;
  uint32_t last_tick_ = ground_.clock.tick();
  uint32_t patience_until_ = last_tick_;  // tick; until then no flow counts as silent
};

}  // namespace sluice
