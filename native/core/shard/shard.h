// One shard: its sockets, flows, timers and remembered requests, driven by one epoll descriptor on one thread.
//
// A turn: collect() receives and scans up to batch_size messages and writes a record for each; the policy writes a verdict for each;
// execute() carries the verdicts out and sends. Received octets stay where they are until the turn's sending is done.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "core/relay/answer.h"
#include "core/flow/ban_set.h"
#include "core/base/counters.h"
#include "core/transport/datagram_queue.h"
#include "core/relay/edge_config.h"
#include "core/relay/facts.h"
#include "core/flow/flow_notes.h"
#include "core/flow/flow_table.h"
#include "core/relay/pending_table.h"
#include "core/base/ring.h"
#include "core/flow/stream_writer.h"
#include "core/observe/wire_tap.h"
#include "core/transport/upgrade_gate.h"

namespace sluice {

// What the rest of the process should hear of; rare, and lost rather than waited for.
struct Alert {
  Event event;
  Address peer;
  int32_t number;         // upstream: target; malformed: ScanError; accept_failed: errno
  uint16_t sample_size;
  char sample[200];       // first octets of what came, raw
};

// What the object path must hear of at once.
struct ObjectEvent {
  ObjectEventKind kind;
  std::string text;  // flow id, or branch
};

// An answer of the operator's own policy, given with words instead of a number.
struct CustomReply {
  int item = -1;
  int status = 0;
  std::vector<char> reason;
  std::vector<char> headers;  // whole lines with their CRLF
};

// What to look for among the flows; what is not set matches every one.
struct FlowFilter {
  std::string text;         // part of an AOR or of an instance, in lower case
  bool by_address = false;
  Address address;          // port 0 is any
  uint32_t slot = 0;
  uint32_t generation = 0;  // with slot; 0 is any
};

// One flow as the operator sees it; the pointers live until the shard goes on.
struct FlowFacts {
  uint32_t slot = 0;
  const Flow* flow = nullptr;
  const Registration* notes = nullptr;
  uint32_t idle_ms = 0;
  int64_t age_ms = -1;        // -1: not known
  uint64_t octets_in = 0;     // of a connection, by the kernel's own count
  uint64_t octets_out = 0;
  uint32_t round_trip_us = 0;
  uint32_t resent = 0;        // segments that TCP sent again
  size_t unsent = 0;          // octets that wait for the peer to read
};

// The flows of clients counted by how old they are and how long they have been silent; a step ends where kSurveySteps says.
constexpr uint32_t kSurveySteps[] = {30, 60, 300, 3600, 6 * 3600, 86'400};  // seconds; one more class holds the rest
constexpr size_t kSurveyClasses = std::size(kSurveySteps) + 1;
struct FlowSurvey {
  uint32_t ages[kSurveyClasses] = {};    // of connections
  uint32_t silence[kSurveyClasses] = {};
  uint32_t outbound = 0;
  uint32_t supervised = 0;
};

// What a flow token says, and whether its flow lives.
struct TokenFacts {
  TokenVerdict verdict = TokenVerdict::none;
  FlowName flow;
  Side side = Side::client;
  bool of_this_boot = true;
  bool alive = false;       // only the flow's own shard knows
};

class Shard {
 public:
  // `records` and `verdicts` hold batch_size rows, `counters` a number for each Counter; they outlive the shard. `rings[i]` and `wakes[i]` (an eventfd) belong to shard i; this shard reads its own and writes the others'. `sockets`: bound and listening, one for each listener; they outlive the shard too.
  Shard(EdgeConfig config, KeyRing keys, int32_t* records, int32_t* verdicts, int64_t* counters, std::vector<Ring*> rings, std::vector<int> wakes,
        std::vector<int> sockets) noexcept;
  ~Shard() noexcept;
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // Begins to watch the listeners; 0 or an errno.
  int open() noexcept;
  int epoll_fd() const noexcept { return epoll_; }

  // Receives the next batch; the number of records written. 0: nothing is left to do for now.
  unsigned collect() noexcept;
  // Carries out the verdicts of the batch and sends. Verdicts that were not written are `drop`.
  void execute() noexcept;
  // Sees to it that epoll_fd() becomes readable again if work was left.
  void yield_turn() noexcept;

  Text message_text(unsigned item) const noexcept;
  const Source& source_of(unsigned item) const noexcept { return items_[item].source; }
  void add_custom_reply(CustomReply reply) noexcept { custom_.push_back(std::move(reply)); }

  // The object path (object.cc). Flows go by their id, see flow_id.h; what is sent leaves with execute() or flush_object().
  size_t flow_id_of(unsigned item, char* out) const noexcept;
  // Where the answer to a request goes: its flow, or the port that its Via names (RFC 3581 4).
  size_t answer_flow_of(unsigned item, char* out) const noexcept;
  uint32_t loop_hash_of(unsigned item) const noexcept { return items_[item].facts.loop_hash; }
  size_t new_branch(uint32_t loop, char* out) noexcept;
  // 0: no such flow, or no key.
  size_t flow_token(Text id, Side side, char* out) noexcept;
  // What our core-side Record-Route URI with this token says of a neighbour: the one that a request came from, or that one is sent to.
  size_t neighbour_mark(Text token, const Neighbour& neighbour, char* out) const noexcept;
  Neighbour neighbour_of_item(unsigned item) noexcept;
  bool flow_lives(Text id) noexcept;
  // A request. False: the flow is gone. A flow that turns out to be gone later is an ObjectEvent.
  bool send_to_flow(Text id, Text octets) noexcept;
  // A response to what came over the flow.
  void answer_flow(Text id, Text octets, bool final) noexcept;
  // A request to a neighbour, which over TLS must prove to be `host` (RFC 5922 4). Writes the id of the flow that it leaves by; 0: it
  // cannot be sent.
  size_t send_to_address(Transport transport, const Address& to, Text host, Text octets, char* id) noexcept;
  uint16_t core_listener(Transport transport, bool v4) const noexcept;
  // From now on the end of this flow is an ObjectEvent. `supervise_seconds`: its Flow-Timer, 0: none.
  void bind_flow(Text id, uint32_t supervise_seconds) noexcept;
  void flush_object() noexcept;
  std::vector<ObjectEvent>& object_events() noexcept { return object_events_; }

  void set_upstreams(const UpstreamSet& upstreams) noexcept;
  void set_trusted(std::vector<TrustedNet> trusted) noexcept { config_.trusted = std::move(trusted); }
  void set_keys(const KeyRing& keys) noexcept { keys_ = keys; }
  // For the connections that come from now on.
  void set_tls(std::unique_ptr<TlsProvider> tls) noexcept { tls_ = std::move(tls); }
  // Asked about each WebSocket handshake; outlives the shard. nullptr: nobody.
  void set_upgrade_gate(UpgradeGate* gate) noexcept { gate_ = gate; }
  void stop_accepting() noexcept;

  // inspect.cc: what the operator asks and changes; never on the way of a message.
  // Looks at up to `steps` slots from `cursor` on, adds what matches up to `most` in all, and moves the cursor; 0: all were looked at.
  void flows(uint32_t& cursor, uint32_t steps, size_t most, const FlowFilter& filter, std::vector<FlowFacts>& out) noexcept;
  FlowSurvey survey() noexcept;
  TokenFacts token(Text user) noexcept;
  const FlowNotes& notes() const noexcept { return notes_; }
  uint32_t ms_since(uint32_t tick) const noexcept { return (now_tick_ - tick) * kTickMs; }
  const UpstreamSet& upstreams() const noexcept { return upstreams_; }
  // Milliseconds that a target has owed an answer, 0: none.
  uint32_t upstream_silence(int target) const noexcept;
  const EdgeConfig& config() const noexcept { return config_; }
  void set_limits(const FlowLimits& limits, uint32_t flow_timer) noexcept;
  void set_bans(std::vector<Address> banned) noexcept;
  // An empty list ends the tap.
  void set_tap(std::vector<TapFilter> filters) noexcept;
  std::vector<char> tapped() noexcept;
  void note_register(Text flow_id, Text request) noexcept;
  void tap_sent(const Address& to, uint16_t listener, Text octets) noexcept;
  bool close_flow_of(uint32_t slot, uint32_t generation) noexcept;
  // Closes up to `most` connections of clients, those that wait for an answer last; returns how many are left.
  uint32_t move_out(uint32_t most, bool busy_ones) noexcept;

  uint32_t pending() const noexcept { return pending_.size(); }
  std::vector<Alert>& alerts() noexcept { return alerts_; }

 private:
  struct Item {
    Message message;
    Source source;
    Facts facts;
    bool crossed;  // came from another shard
    uint32_t tapped;  // filters of the tap that it met
  };

  struct RingHead {
    enum Kind : uint8_t { message, stream_octets, object_request, flow_gone, send_failed } kind;
    uint32_t slot;
    uint32_t generation;
    Source source;
  };

  struct Wheels;

  // receive.cc
  void receive_event(const epoll_event& event) noexcept;
  void receive_datagrams(uint16_t listener) noexcept;
  void take_datagram(uint16_t listener, const Address& from, char* data, size_t size) noexcept;
  void receive_stream(uint32_t slot) noexcept;
  void frame_stream(uint32_t slot, char* data, size_t size) noexcept;
  void keep_unfinished(uint32_t slot, Text rest, bool whole) noexcept;
  void resume_streams() noexcept;
  void take_message(const Source& source, bool crossed) noexcept;
  void take_ring() noexcept;
  Source source_of_flow(uint32_t slot) noexcept;
  char* stream_room(size_t octets) noexcept;
  void ping(uint32_t slot) noexcept;
  bool may_ping(uint32_t slot) noexcept;
  void alert(Event event, const Address& peer, int32_t number, Text sample) noexcept;
  void tap_received(Item& item) noexcept;

  // layers.cc
  static bool is_ready(const Flow& flow) noexcept;
  bool comes_by_proxy(uint16_t listener, const Address& remote) const noexcept;
  bool add_layer(uint32_t slot) noexcept;
  void drop_layer(uint32_t slot) noexcept;
  void deliver(uint32_t slot, char* data, size_t size) noexcept;
  void take_proxy_header(uint32_t slot, char* data, size_t size) noexcept;
  bool take_client(uint32_t slot, const Address& client) noexcept;
  void receive_tls(uint32_t slot) noexcept;
  bool begin_tls(uint32_t slot) noexcept;
  void decrypt(uint32_t slot, Text wire) noexcept;

  // websocket.cc
  void take_upgrade(uint32_t slot, char* data, size_t size) noexcept;
  void frame_websocket(uint32_t slot, char* data, size_t size) noexcept;
  void keep_frames(uint32_t slot, WsReader& reader, bool whole) noexcept;
  bool take_websocket_message(uint32_t slot, const WsEvent& event) noexcept;
  void end_websocket(uint32_t slot, CloseCode code, Counter why) noexcept;
  void ping_websocket(uint32_t slot) noexcept;

  // connections.cc
  void accept_all(uint16_t listener) noexcept;
  void listen_again() noexcept;
  uint32_t adopt(int fd, const Address& remote, uint16_t listener, bool dialled) noexcept;
  uint32_t core_connection(const Address& address, Transport transport, Text name) noexcept;
  void connected(uint32_t slot) noexcept;
  void is_connected(uint32_t slot) noexcept;
  void peer_closed(uint32_t slot) noexcept;
  void close_flow(uint32_t slot, Counter why) noexcept;
  void close_failed() noexcept;
  void redirect_unsent(Text messages) noexcept;
  bool send_elsewhere(const Message& message) noexcept;
  void flow_is_gone(uint32_t slot) noexcept;
  void read_icmp_errors(uint16_t listener) noexcept;

  // execute.cc, choose_hop.cc, relay.cc, respond.cc, redirect.cc
  void relay_request(unsigned i) noexcept;
  void relay_response(unsigned i) noexcept;
  void reply(unsigned i, int status, Text reason, uint32_t retry_after, Text headers = Text()) noexcept;
  struct NextLeg;
  Address answer_address(const Item& item, uint32_t edits) const noexcept;
  bool choose_hop(unsigned i, NextLeg& leg) noexcept;
  bool write_request(unsigned i, const NextLeg& leg, Text branch, Writer& head) noexcept;
  bool hand_over(uint8_t shard, unsigned i) noexcept;
  bool push_to(uint8_t shard, const iovec* parts, int count) noexcept;
  void flush() noexcept;
  void answer_sent(const Message& sent, int status) noexcept;
  void send_back(const ReturnPath& back, Text head, Text body, bool final, uint32_t tapped = 0) noexcept;
  void count_response(int status) noexcept;
  void note_registration(Text branch, const ReturnPath& back) noexcept;
  void tap_departing(Item& item, bool to_client, const NextLeg& leg, Text head, Text body) noexcept;
  void tap_answer(uint32_t filters, const ReturnPath& back, Text head, Text body) noexcept;
  FlowName name_of_source(const Source& source, bool renew) noexcept;
  void put_uri(Writer& out, Text header, const FlowName& flow, Side side, uint16_t listener, Text params, const Neighbour* neighbour) noexcept;
  void put_record_route(Writer& out, const NextLeg& leg, Side first, const Neighbour* neighbour) noexcept;
  Writer scratch() noexcept;
  Text finished(const Writer& head, Text& body) noexcept;

  // pending.cc
  void remember(uint64_t key, uint8_t roles, Method method, uint32_t flow, uint16_t listener, const Address& to, Text head, Text body) noexcept;
  void answered(uint64_t key, int status, Text head, Text body) noexcept;
  void answer_pending(uint32_t index, int status) noexcept;
  void forget(uint32_t index) noexcept;
  bool is_retransmission(uint64_t key, Text branch) noexcept;
  Text copied(Text octets) noexcept;
  void pending_due(uint32_t index) noexcept;
  void arm_pending(uint32_t index, uint32_t wait) noexcept;
  void disarm_pending(uint32_t index) noexcept;

  // object.cc
  bool take_object_answer(const Source& source, bool crossed) noexcept;
  void take_object_record(const RingHead& head, Text octets) noexcept;
  void hand_to_object_path(unsigned i) noexcept;
  bool object_send_failed(Text branch) noexcept;
  bool send_over(const FlowName& flow, Text octets, uint8_t kind) noexcept;
  void bound_flow_ended(uint32_t slot) noexcept;
  void udp_peer_unreachable(const Address& peer, uint16_t listener) noexcept;
  void flow_ended(Text id) noexcept;
  void send_event(uint8_t shard, uint8_t kind, Text text) noexcept;
  Source udp_source(const Address& remote, uint16_t listener) noexcept;

  // timers.cc
  void tick() noexcept;
  void flow_due(uint32_t slot) noexcept;
  void arm_flow(uint32_t slot) noexcept;
  uint32_t ping_after(const Flow& flow) const noexcept;
  bool may_be_unread(const Flow& flow) const noexcept;
  void supervise(uint32_t slot, uint32_t seconds) noexcept;
  uint32_t remember_udp_flow(const Address& remote, uint16_t listener, uint32_t birth) noexcept;
  void udp_flow_died(uint32_t slot, Counter why) noexcept;
  uint32_t ticks(uint64_t milliseconds) const noexcept { return static_cast<uint32_t>((milliseconds + kTickMs - 1) / kTickMs); }
  uint32_t birth_now() const noexcept { return birth_; }
  void read_clock() noexcept;

  // upstreams.cc
  void probe_upstreams() noexcept;
  void probe(int target) noexcept;
  void upstream_asked(int target) noexcept;
  void upstream_heard(const Address& peer, Transport transport) noexcept;
  void upstream_failed(int target) noexcept;
  void upstream_lives(int target) noexcept;

  static constexpr uint32_t kTickMs = 50;
  static constexpr size_t kDatagram = 65'536;
  static constexpr size_t kDatagramStride = kDatagram + 17 * 64;  // an odd number of cache lines, so that slots do not share sets
  static constexpr size_t kStreamArena = 1u << 20;
  static constexpr size_t kScratch = 2u << 20;
  static constexpr size_t kMaxTargets = 64;
  static constexpr unsigned kHandshakesPerTurn = 8;

  EdgeConfig config_;
  KeyRing keys_;
  Counters counters_;
  std::vector<Ring*> rings_;
  std::vector<int> wakes_;
  int epoll_ = -1;
  int timer_ = -1;
  UpstreamSet upstreams_;
  BufferPool pool_;
  FlowTable flows_;
  FlowNotes notes_;
  BanSet bans_;
  std::unique_ptr<WireTap> tap_;
  uint32_t move_cursor_ = 1;
  PendingTable pending_;
  StreamWriter streams_;
  std::vector<int> sockets_;                // of each listener
  std::vector<DatagramQueue> datagrams_;    // of each UDP listener
  std::unique_ptr<Wheels> wheels_;

  std::vector<Item> items_;
  unsigned count_ = 0;
  int32_t* records_;
  int32_t* verdicts_;
  std::array<epoll_event, 128> events_;
  int event_count_ = 0;
  int event_at_ = 0;

  std::unique_ptr<char[]> datagram_arena_;
  std::unique_ptr<char[]> stream_arena_;
  unsigned datagrams_used_ = 0;             // slots of the datagram arena that hold this turn's octets
  size_t stream_used_ = 0;
  std::unique_ptr<char[]> scratch_;
  size_t scratch_used_ = 0;
  std::vector<uint32_t> resumes_;           // flows with whole messages left in their buffer
  std::vector<uint32_t> closing_after_answer_;            // flows to be closed behind the answer to what broke them
  std::vector<uint64_t> completed_;         // remembered answers, oldest first
  size_t completed_at_ = 0;
  std::vector<Alert> alerts_;
  std::vector<CustomReply> custom_;
  std::vector<ObjectEvent> object_events_;
  uint64_t branches_made_ = 0;
  bool accepting_ = true;
  uint32_t accept_pause_until_ = 0;
  uint32_t now_tick_ = 0;
  uint32_t patience_until_ = 0;  // tick; until then nobody counts as silent
  uint32_t birth_ = 0;
  // What tells a silent upstream from an idle one.
  struct Health {
    uint32_t asked = 0;      // tick of the first request since it was last heard, 0: none
    uint32_t probe_due = 0;  // tick
    uint8_t missed = 0;
  };
  std::array<Health, kMaxTargets> health_{};
  uint32_t probes_sent_ = 0;
  std::unique_ptr<Message> spare_;
  // Dialled by us. TLS proves one name, so a connection serves that one only (RFC 5923 5).
  struct CoreConnection {
    Address address;
    Transport transport;
    std::string name;  // of TLS
    uint32_t slot;
  };
  std::vector<CoreConnection> core_connections_;
  std::unique_ptr<TlsProvider> tls_;
  UpgradeGate* gate_ = nullptr;
  std::vector<char> tls_out_;  // what TLS says while it receives
  unsigned handshakes_left_ = 0;
};

}  // namespace sluice
