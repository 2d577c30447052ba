// One shard: its sockets, flows, timers and remembered requests, driven by one epoll descriptor on one thread. It consists of parts that
// each know only those before it; all build on ground.h.
//
// A turn: await() or collect() receives and scans up to batch_size messages and writes a record for each; the policy writes a verdict on
// each; execute() carries out the verdicts and sends. The thread sleeps in await() and nowhere else.
//
// Who may close a flow, and who may still hold its slot
//   At once   StreamReader: only the flow it is reading; tick(): flows whose deadline has come; Inspect: between turns.
//             After connections.close(slot), or a call that says it closed the flow, the caller does not touch the slot again.
//   Later     Everyone else puts {slot, generation} on ground.closing: execute() and settle() close these after sending all output.
//             Until then such a flow is open, marked `closing` or `deaf`, and is not read or, if `closing`, not written either.
//   Held      A bare slot is valid within one call of one part. Anything that outlives that (the close list, resumed flows, queued
//             writes, epoll events, ring records, sources of the batch) also holds the generation and asks FlowTable::find().
//             Pending::flow is cleared by Remembered::flow_is_gone(), CoreConnection::slot by Connections::close(), both before release.
//
// How long an octet lives
//   received  in the arenas of Turn: from collect() until the next begin(). Messages and facts of the batch point there.
//   scratch   of Outbox: until the next flush(). scratch() itself may flush, so hand over what you have written before you ask for more.
//   pending   in buffers of the pool: until Remembered::forget(). Copied to scratch before sending.
//   unsent    in buffers of the pool: until the peer has taken them or the flow is closed. If a connection never opened, they wait in
//             Connections until execute() or settle() finds another way for them.
//   ring      until Crossing::pop(); a record is copied to an arena before that.
//   spare     of Ground: until the next call of another part.
//
// Debug and sanitizer builds assert as much of this as possible (invariant.h).
#pragma once

#include <sys/epoll.h>

#include <array>
#include <utility>

#include "core/shard/alarm.h"
#include "core/shard/core_sender.h"
#include "core/shard/datagram_reader.h"
#include "core/shard/followers.h"
#include "core/shard/handover.h"
#include "core/shard/inspect.h"
#include "core/shard/moving_flow.h"
#include "core/shard/object_gate.h"
#include "core/shard/object_shares.h"
#include "core/shard/proxying.h"
#include "core/shard/registering.h"
#include "core/shard/relay.h"
#include "core/shard/revival.h"
#include "core/shard/stream_reader.h"
#include "core/shard/turn_clock.h"

namespace sluice {

class Shard {
 public:
  // `records` and `verdicts` hold batch_size rows, `counters` one number per Counter. `rings[i]` and `wakes[i]` (an eventfd) belong to
  // shard i; this shard reads its own and writes to the others'. `sockets`: bound and listening, one per listener. All of these outlive
  // the shard, as do `time` and the `commons` of the process.
  Shard(EdgeConfig config, const KeyRing& keys, int32_t* records, int32_t* verdicts, int64_t* counters, std::vector<Ring*> rings, std::vector<int> wakes,
        std::vector<int> sockets, FlowCommons& commons, const TimeSource& time = system_time()) noexcept;
  ~Shard() noexcept;
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // Starts watching the listeners; returns 0 or an errno.
  int open() noexcept;
  // The descriptor of the loop that shares this thread; when it becomes ready, await() returns.
  void watch_loop(int fd) noexcept;

  // Moving to another process (handover.h). Between turns: connections that go ahead are appended, up to `most`, and those among `out` that
  // have ended are taken out; false: these were all.
  bool announce(std::vector<MovingFlow>& out, size_t most) noexcept { return handover_.announce(out, most); }
  // From freeze() on no turn is taken and no socket touched; false: a turn is not over yet.
  bool freeze() noexcept;
  // Once all shards are frozen. `rest`: appends the connections that have not gone ahead. `version`: of the layout that the other one reads.
  void write_image(std::vector<char>& image, std::vector<MovingFlow>& rest, uint32_t version = kImageVersion) noexcept;
  void write_image(ImageWriter& image, std::vector<MovingFlow>& rest) noexcept { handover_.freeze(image, rest); }
  // Does the same for nothing, while it runs: code and memory are warm when all shards stand still.
  void rehearse(ImageWriter& image) noexcept;
  // What is known about flows goes ahead too, between turns and once more when all are frozen (Handover::draft).
  uint32_t draft(ImageWriter& image, uint32_t& slot, uint32_t most) noexcept { return handover_.draft(image, slot, most); }
  // As much room as all of this may need, of which little is used.
  size_t desk_octets() const noexcept { return size_t{ground_.flows.slots()} * 1'024 + (32u << 20); }
  void draft_has_gone(Text image) noexcept { handover_.draft_has_gone(image); }
  MoveCounts moving() const noexcept { return handover_.moving(); }
  // The other process has failed: all goes on as if nothing had been.
  void resume() noexcept;
  // Before that, if it may have taken over and had begun to read: what passed over the flows meanwhile is in its memory, -1: unknown. The
  // descriptors of `flows` are ours from now on.
  void take_back(int memory, const std::vector<MovingFlow>& flows, RevivedCounts& counts) noexcept;
  // The other process has it all: lets go of what moved, and serves the rest. Whoever is in a handshake follows over the channel, which is ours
  // from now on; -1: nobody does.
  void release(int channel = -1, uint32_t version = kImageVersion) noexcept;
  void expect_followers(int channel) noexcept { followers_.expect(channel, epoll_, kFollowEvent); }
  // In the other process: connections that have come ahead; their descriptors are ours from now on.
  void expect(const std::vector<MovingFlow>& flows) noexcept;
  // And what is known about them, which may be said again; see adopt().
  const char* adopt_drafts(Text image) noexcept;
  // With its settings in force, before it reads. nullptr, or why it cannot take over; then it is as it was before.
  // The descriptors that it keeps become -1.
  const char* adopt(Text image, std::vector<MovingFlow>& flows) noexcept;

  // Before open(): a keeper gets to know the flows (KeptFlows::begin). 0 or an errno; then it does not.
  int keep(int channel, size_t most = SIZE_MAX) noexcept;
  KeptFlows& kept() noexcept { return ground_.kept; }
  // With its settings in force, before it reads: goes on with the flows of a process that crashed. nullptr, or why it cannot.
  const char* revive(int memory, const std::vector<MovingFlow>& flows, RevivedCounts& counts) noexcept;
  bool take_loop_ready() noexcept { return std::exchange(loop_ready_, false); }

  // Waits until there is something to do, at most `timeout` ms (-1: for ever), and receives one batch; returns the number of records.
  unsigned await(int timeout) noexcept;
  // The same without waiting. 0: nothing left to do for now.
  unsigned collect() noexcept;
  TurnClock& turn_clock() noexcept { return turn_clock_; }
  // The verdicts are written: of those for the object path, no more than their source has a share in and than fit in a turn stay in this one. False: none.
  bool spread_objects() noexcept;
  // What the object path did in the turn took so long.
  void objects_took(uint64_t nanoseconds) noexcept { object_shares_.took(nanoseconds); }
  // Carries out the verdicts of the batch and sends. A verdict that was not written means `drop`.
  void execute() noexcept;
  // Sends what was written outside execute(), and closes flows that are due to close.
  void settle() noexcept;
  void stop_accepting() noexcept { listeners_.stop(); }
  void start_accepting() noexcept { listeners_.resume(); }

  // Settings that may change while it runs.
  void set_upstreams(const UpstreamSet& upstreams) noexcept;
  void set_trusted(std::vector<TrustedNet> trusted) noexcept { ground_.config.trusted = std::move(trusted); }
  uint8_t node() const noexcept { return ground_.config.node; }
  void set_keys(const KeyRing& keys) noexcept { ground_.keys = keys; }
  void set_tls(std::shared_ptr<TlsProvider> tls) noexcept { connections_.set_tls(std::move(tls)); }
  void set_upgrade_gate(UpgradeGate* gate) noexcept { streams_.set_upgrade_gate(gate); }
  void set_limits(const FlowLimits& limits, uint32_t flow_timer) noexcept;
  // From now on: who we are, and whose pages may open a WebSocket.
  void set_names(std::vector<std::string> names, std::vector<std::string> realms, UpgradeRules upgrades) noexcept {
    ground_.config.names = std::move(names);
    ground_.config.realms = std::move(realms);
    ground_.config.upgrades = std::move(upgrades);
  }

  const EdgeConfig& config() const noexcept { return ground_.config; }
  std::vector<Alert>& alerts() noexcept { return ground_.alerts.list(); }
  std::vector<News> take_news() noexcept { return ground_.news.take(); }
  ObjectEvents& object_events() noexcept { return object_events_; }
  uint32_t pending() const noexcept { return remembered_.size() + proxying_.open_count() + registering_.waiting(); }
  Turn& turn() noexcept { return turn_; }
  Counters& counters() noexcept { return ground_.counters; }
  Tap& tap() noexcept { return tap_; }
  ObjectGate& object() noexcept { return object_; }
  Inspect& inspect() noexcept { return inspect_; }
  Registering& registering() noexcept { return registering_; }
  Proxying& proxying() noexcept { return proxying_; }

 private:
  // Markers of descriptors that are not flows; a flow's event carries its generation, which is never 0, in the upper half.
  static constexpr uint64_t kWakeEvent = 2, kLoopEvent = 3, kFollowEvent = 4, kAlarmEvent = 5, kListenerEvent = 16;

  int begin() noexcept;
  void await_loop(int timeout) noexcept;
  bool has_work() noexcept;
  uint64_t poll(int timeout) noexcept;
  uint64_t read_clock() noexcept;
  void read_events() noexcept;
  void hear_core() noexcept;
  int nap(int timeout, uint64_t now) noexcept;
  uint32_t quiet_for() const noexcept;
  unsigned receive() noexcept;
  void event(const epoll_event& event) noexcept;
  void take_ring() noexcept;
  void send_and_close() noexcept;
  void keep_notes() noexcept;
  void tick() noexcept;
  void flow_due(uint32_t slot) noexcept;
  void forbidden(unsigned i) noexcept;
  bool find_payer(unsigned i, ObjectPayer& payer) const noexcept;
  ObjectClaim claim_of(unsigned i) const noexcept;
  bool refuses_object(unsigned i) noexcept;
  void carry_out(unsigned i) noexcept;
  void fetch_and_carry_out() noexcept;

  Ground ground_;
  Turn turn_;
  TurnClock turn_clock_;
  Outbox outbox_;
  Crossing crossing_;
  Tap tap_;
  BanSet bans_;
  Admission admission_;
  UpstreamHealth upstreams_;
  ObjectEvents object_events_;
  Responder responder_;
  Remembered remembered_;
  FlowTimers timers_;
  FlowEnds ends_;
  UdpFlows udp_flows_;
  Connections connections_;
  HandshakeQueue handshakes_;
  Listeners listeners_;
  CoreSender core_sender_;
  Intake intake_;
  DatagramReader datagrams_;
  StreamReader streams_;
  Relay relay_;
  ObjectGate object_;
  Inspect inspect_;
  Registering registering_;
  Proxying proxying_;
  ObjectShares object_shares_;
  Handover handover_;
  Followers followers_;
  Revival revival_;

  int epoll_ = -1;
  Alarm alarm_;
  int loop_ = -1;      // not ours
  bool frozen_ = false;
  bool in_turn_ = false;  // collect() or execute() is running
  std::array<epoll_event, 128> events_;
  int event_count_ = 0;
  int event_at_ = 0;
  uint64_t ticked_ = 0;    // ns: the last tick()
  bool tick_due_ = false;  // at the beginning of the next turn
  bool loop_ready_ = false;
  bool is_crowded_ = false;  // the last turn left events behind, or had no time for further handshakes
};

}  // namespace sluice
