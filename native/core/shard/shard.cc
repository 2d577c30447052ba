#include "core/shard/shard.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <random>

#include "core/base/now_ns.h"
#include "core/shard/claimant.h"

namespace sluice {
namespace {

constexpr unsigned kSettlings = 4;
constexpr unsigned kNotesAtOnce = 64;
constexpr uint32_t kRetrySeconds = 5;  // at least, for whoever has had his share of the object path

Text phrase_of(int32_t error) noexcept {
  static constexpr Text kPhrases[] = {
#define SLUICE_SCAN_ERROR(name, status, reason) reason,
#include "core/base/layout.def"
  };
  return error > 0 && static_cast<size_t>(error) < sizeof kPhrases / sizeof *kPhrases ? kPhrases[error] : Text();
}

void watch(int epoll, int fd, uint64_t marker) noexcept {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = marker;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

}  // namespace

Shard::Shard(EdgeConfig config, const KeyRing& keys, int32_t* records, int32_t* verdicts, int64_t* counters, std::vector<Ring*> rings,
             std::vector<int> wakes, std::vector<int> sockets, FlowCommons& commons, const TimeSource& time) noexcept
    : ground_(std::move(config), keys, counters, time, std::random_device{}(), commons),
      turn_(records, verdicts, ground_.config.home),
      turn_clock_(ground_.counters),
      outbox_(ground_),
      crossing_(ground_, std::move(rings), std::move(wakes)),
      tap_(ground_),
      admission_(ground_.counters, ground_.config.table_key),
      upstreams_(ground_),
      object_events_(ground_, crossing_),
      responder_(ground_, outbox_, crossing_, tap_, object_events_),
      remembered_(ground_, outbox_, responder_),
      timers_(ground_),
      ends_(ground_, remembered_, object_events_),
      udp_flows_(ground_, timers_, ends_),
      connections_(ground_, turn_, outbox_, timers_, ends_, upstreams_, bans_),
      listeners_(ground_, outbox_, connections_, bans_, admission_, handshakes_, std::move(sockets), kListenerEvent),
      core_sender_(ground_, outbox_, connections_, upstreams_, responder_, remembered_),
      intake_(ground_, turn_, crossing_, tap_, upstreams_, responder_),
      datagrams_(ground_, turn_, intake_, outbox_, listeners_, udp_flows_, upstreams_, object_events_, bans_),
      streams_(ground_, turn_, intake_, connections_, timers_, outbox_, handshakes_),
      relay_(ground_, turn_, intake_, outbox_, tap_, upstreams_, connections_, udp_flows_, timers_, ends_.notes(), remembered_, responder_, admission_, turn_clock_),
      object_(ground_, turn_, outbox_, crossing_, tap_, connections_, udp_flows_, timers_, upstreams_, responder_, object_events_),
      inspect_(ground_, connections_, udp_flows_, upstreams_, ends_.notes(), bans_),
      registering_(ground_, turn_, responder_, object_, inspect_),
      proxying_(ground_, turn_, outbox_, responder_, object_, object_events_, registering_),
      object_shares_(derive(ground_.config.table_key, "object shares")),
      handover_({ground_, crossing_, upstreams_, admission_, object_events_, responder_, remembered_, timers_, ends_, udp_flows_, connections_, core_sender_, streams_, object_, registering_, proxying_}),
      followers_(ground_, timers_, connections_, streams_),
      revival_(ground_, timers_, ends_, udp_flows_, connections_, streams_) {}

Shard::~Shard() noexcept {
  if (!frozen_) ground_.kept.stop(true);
  if (frozen_) handover_.let_go();  // perhaps the successor has the connections: they must not hear from us that they end
  if (epoll_ >= 0) close(epoll_);
}

// Flows may come from another process before the shard opens.
int Shard::begin() noexcept {
  if (epoll_ < 0) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    alarm_.watch(epoll_, kAlarmEvent);
  }
  outbox_.streams().attach(epoll_);
  connections_.attach(epoll_);
  return epoll_ < 0 ? errno : 0;
}

int Shard::open() noexcept {
  if (const int error = begin(); error != 0) return error;
  ticked_ = now_ns();
  watch(epoll_, crossing_.wake_fd(), kWakeEvent);
  listeners_.open(epoll_);
  crossing_.wake_self();  // for what the others put in the ring while nobody was reading it
  return 0;
}

void Shard::watch_loop(int fd) noexcept {
  loop_ = fd;
  watch(epoll_, fd, kLoopEvent);
}

bool Shard::freeze() noexcept {
  if (in_turn_ || turn_.count() > 0) return false;
  settle();
  event_at_ = event_count_ = 0;  // epoll reports them again
  frozen_ = true;
  return true;
}

void Shard::rehearse(ImageWriter& image) noexcept {
  if (in_turn_ || turn_.count() > 0) return;
  std::vector<MovingFlow> rest;
  handover_.freeze(image, rest);
}

void Shard::write_image(std::vector<char>& octets, std::vector<MovingFlow>& rest, uint32_t version) noexcept {
  ImageWriter image(ImageOf::shard, version, std::move(octets));
  handover_.freeze(image, rest);
  octets = image.finish();
}

void Shard::resume() noexcept {
  if (std::exchange(frozen_, false)) ground_.kept.tell_memory(true);
  handover_.end_announcing();
  ground_.clock.read();
  crossing_.wake_self();
}

void Shard::take_back(int memory, const std::vector<MovingFlow>& flows, RevivedCounts& counts) noexcept {
  SLUICE_INVARIANT(frozen_);
  ground_.clock.read();
  revival_.take_back(memory, flows, [this](uint32_t slot) { return handover_.moves(slot); }, counts);
}

// As long as the successor has a descriptor open, epoll goes on reporting ours although we have closed it. So there is a new epoll.
void Shard::release(int channel, uint32_t version) noexcept {
  handover_.let_go();
  ground_.kept.stop(false);
  listeners_.leave();
  close(std::exchange(epoll_, -1));
  frozen_ = false;
  if (begin() != 0) return;
  watch(epoll_, crossing_.wake_fd(), kWakeEvent);
  if (loop_ >= 0) watch(epoll_, loop_, kLoopEvent);
  connections_.watch_all();
  if (channel >= 0) followers_.send_over(channel, version);
}

void Shard::expect(const std::vector<MovingFlow>& flows) noexcept {
  if (begin() != 0) return;  // adopt() will miss them
  for (const MovingFlow& flow : flows) handover_.expect(flow, epoll_);
}

const char* Shard::adopt_drafts(Text image) noexcept { return begin() != 0 ? "the system is out of descriptors" : handover_.adopt_drafts(image); }

const char* Shard::adopt(Text image, std::vector<MovingFlow>& flows) noexcept {
  return begin() != 0 ? "the system is out of descriptors" : handover_.adopt(image, flows);
}

const char* Shard::revive(int memory, const std::vector<MovingFlow>& flows, RevivedCounts& counts) noexcept {
  return begin() != 0 ? "the system is out of descriptors" : revival_.take(memory, flows, counts);
}

void Shard::take_ring() noexcept {
  RingHead head;
  Text record;
  while (!turn_.full() && crossing_.front(head, record)) {
    char* room = turn_.stream_room(record.size());
    if (room == nullptr) return;
    record.copy(room, record.size());
    ground_.kept.takes(1);
    crossing_.pop();
    turn_.use_stream(record.size());
    const Text octets(room, record.size());
    switch (head.kind) {
      case RingHead::message:
        scan(room, octets.size(), kFindHead, Carrier::datagram, ground_.config.limits.scan, turn_.next().message);
        intake_.take(head.source, true, head.final);
        break;
      case RingHead::stream_octets: responder_.deliver(head, octets); break;
      case RingHead::object_request: object_.take_request(head, octets); break;
      case RingHead::flow_gone:
      case RingHead::send_failed: object_events_.take(head, octets); break;
    }
  }
}

void Shard::tick() noexcept {
  ground_.clock.read();
  timers_.tick([this](uint32_t slot) { flow_due(slot); });
  remembered_.tick();
  proxying_.tick();
  relay_.tick();
  listeners_.tick();
  object_events_.retry();
  upstreams_.look([this](int target) { return core_sender_.probe(target); });
  ground_.counters.set(Counter::buffer_bytes, static_cast<int64_t>(ground_.pool.lent()));
}

void Shard::flow_due(uint32_t slot) noexcept {
  const Flow& flow = ground_.flows.at(slot);
  const Missed missed = timers_.missed(flow);
  if (missed == Missed::may_have_spoken) return timers_.arm_in(slot, 1);
  if (flow.kind == FlowKind::udp) {
    if (missed == Missed::idle) return udp_flows_.forget(slot);
    if (missed == Missed::life_sign) {
      ground_.counters.add(Counter::flows_expired);
      udp_flows_.died(slot, Counter::flows_expired);
    }
    return timers_.arm(slot);
  }
  switch (missed) {
    case Missed::connecting: return connections_.close_soon(slot, Counter::flows_closed);
    case Missed::handshake:
    case Missed::message: return connections_.close_soon(slot, Counter::flows_faulty);
    case Missed::life_sign:
    case Missed::idle: return connections_.close_soon(slot, Counter::flows_expired);
    case Missed::pong_wanted: streams_.ping_websocket(slot); break;
    case Missed::may_have_spoken:
    case Missed::nothing: break;
  }
  timers_.arm(slot);
}

// A batch of requests decided by numbers grows beyond what the object path can take in a turn, and the next batch may be all objects.
bool Shard::spread_objects() noexcept {
  unsigned objects = 0;
  for (unsigned i = 0; i < turn_.count(); ++i) {
    if (static_cast<Action>(turn_.verdict(i)[kVerdict_action]) != Action::object || refuses_object(i) || ++objects <= Turn::kObjectBatch) continue;
    // As from another shard, it comes before what is received then. If the ring is full, it stays.
    if (intake_.hand_over(ground_.config.shard, turn_.item(i))) turn_.postpone(i);
  }
  return objects > 0;
}

// Whose share of the object path it counts towards. False: nobody's, because it is a response.
bool Shard::find_payer(unsigned i, ObjectPayer& payer) const noexcept {
  const Item& item = turn_.item(i);
  if (!item.message.is_request || item.admitted) return false;
  payer.is_neighbour = !find_client(item, payer.source) || proxying_.is_vouched(item.source);
  if (payer.is_neighbour) payer.source = item.source.remote;
  payer.claim = claim_of(i);
  return true;
}

ObjectClaim Shard::claim_of(unsigned i) const noexcept {
  const Item& item = turn_.item(i);
  const Message& message = item.message;
  const int32_t* const record = turn_.record(i);
  for (int32_t route = 0; route < record[kRecord_own_routes]; ++route)
    if (has_flow(item.facts.routes[route])) return ObjectClaim::proven;
  if (proxying_.is_about_held(i)) return ObjectClaim::proven;
  if ((record[kRecord_headers] & static_cast<int32_t>(kHeader_emergency)) != 0 || (record[kRecord_contact] & static_cast<int32_t>(kContact_sos)) != 0) return ObjectClaim::emergency;
  return message.method == Method::ack || message.method == Method::bye || message.method == Method::cancel ? ObjectClaim::said : ObjectClaim::ordinary;
}

bool Shard::refuses_object(unsigned i) noexcept {
  ObjectPayer payer;
  if (!find_payer(i, payer) || !object_shares_.refuses(payer, ground_.clock.tick())) return false;
  ground_.counters.add(Counter::objects_refused);
  ground_.alerts.add(Event::source_full, payer.source, static_cast<int32_t>(Holding::object));
  // What the object path has begun to answer gets no other answer, and an ACK none at all.
  if (registering_.is_held(i) || proxying_.is_held(i) || turn_.item(i).message.method == Method::ack) turn_.drop(i);
  else turn_.refuse(i, kRetrySeconds);
  return true;
}

void Shard::execute() noexcept {
  SLUICE_INVARIANT(!in_turn_);
  in_turn_ = true;
  fetch_and_carry_out();
  registering_.finish();
  proxying_.finish();
  turn_clock_.handled(turn_.count());
  turn_.end();
  in_turn_ = false;
  settle();
  ground_.kept.turn_ends();
}

// What they look at comes from memory some items ahead.
void Shard::fetch_and_carry_out() noexcept {
  constexpr unsigned kStride = 2;
  constexpr unsigned kLead = kStride * Relay::kFetchSteps;
  for (unsigned i = 0; i < turn_.count() + kLead; ++i) {
    for (unsigned step = 0; step < Relay::kFetchSteps; ++step)
      if (const unsigned at = i - step * kStride; at < turn_.count()) relay_.fetch(at, step);
    if (i >= kLead) carry_out(i - kLead);
  }
}

// A registrar that opens connections of its own calls from any port, so it counts as a client until the operator says otherwise.
void Shard::forbidden(unsigned i) noexcept {
  const Source& source = turn_.item(i).source;
  if (source.from_core || turn_.record(i)[kRecord_own_routes] == 0 || !upstreams_.targets().has_host(source.remote)) return;
  ground_.alerts.add(Event::core_not_trusted, source.remote);
}

void Shard::carry_out(unsigned i) noexcept {
  const Item& item = turn_.item(i);
  const int32_t* verdict = turn_.verdict(i);
  switch (static_cast<Action>(verdict[kVerdict_action])) {
    case Action::relay_upstream:
    case Action::relay_to_flow:
    case Action::relay_to_node:
    case Action::relay_to_hop:
      if (item.message.is_request) relay_.request(i);
      return;
    case Action::relay_response:
      if (!item.message.is_request) relay_.response(i);
      return;
    case Action::reply:
      if (!item.message.is_request) return;
      if (const CustomReply* custom = turn_.custom_reply(i); custom != nullptr) {
        responder_.reply(item, custom->status, Text(custom->reason.data(), custom->reason.size()), 0, Text(custom->headers.data(), custom->headers.size()));
      } else {
        responder_.reply(item, verdict[kVerdict_status], phrase_of(verdict[kVerdict_reason]), static_cast<uint32_t>(verdict[kVerdict_retry_after]));
        if (verdict[kVerdict_status] == 403) forbidden(i);
      }
      return;
    case Action::object:
      turn_.note_object();
      {
        ObjectPayer payer;
        object_shares_.take(find_payer(i, payer) ? &payer : nullptr, ground_.clock.tick());
      }
      registering_.leave(i);
      proxying_.leave(i);
      return object_.take(i);
    case Action::register_:
      if (item.message.is_request) registering_.carry_out(i);
      return;
    case Action::proxy: return proxying_.carry_out(i);
    case Action::postpone: return turn_.note_object();
    case Action::drop: break;
  }
  ground_.counters.add(Counter::dropped);
}

void Shard::settle() noexcept {
  if (in_turn_ || frozen_) return;  // called within a turn, whose end does the same, or while nothing may be sent
  followers_.send();
  send_and_close();
  ground_.kept.flush();
  keep_notes();
  const Counters& counters = ground_.counters;
  ground_.kept.waits(static_cast<uint32_t>(counters.get(Counter::requests_held) + counters.get(Counter::registers_waiting) + counters.get(Counter::answers_waiting)));
}

// Some of them: after an upgrade all have changed.
void Shard::keep_notes() noexcept {
  for (unsigned left = kNotesAtOnce; left > 0; --left) {
    const uint32_t slot = ends_.notes().take_changed();
    if (slot == 0) return;
    ground_.kept.note(slot, [&](ImageWriter& image) { ends_.notes().freeze_slot(image, slot); });
  }
}

int Shard::keep(int channel, size_t most) noexcept {
  const int error = ground_.kept.begin(channel, ground_.config.boot, ground_.config.shard, ground_.config.shards, most);
  if (error != 0) return error;
  ends_.notes().watch();
  if (KeptHand* const hand = ground_.flows.hand()) turn_.read_into(hand->room);
  return 0;
}

void Shard::send_and_close() noexcept {
  // Closing flows may produce output, and sending that may fail again; whatever is left waits for the next turn.
  for (unsigned round = 0; round < kSettlings; ++round) {
    outbox_.flush();
    const bool closed = connections_.close_listed();
    const bool redirected = core_sender_.redirect_refused();
    if (!core_sender_.redirect_unsent() && !closed && !redirected) return;
  }
  outbox_.flush();
}

void Shard::set_upstreams(const UpstreamSet& upstreams) noexcept {
  relay_.rearrange(upstreams);
  upstreams_.set(upstreams);
  connections_.find_targets();
}

void Shard::set_limits(const FlowLimits& limits, uint32_t flow_timer) noexcept {
  ground_.config.limits = limits;
  remembered_.look_at_limits();
  ground_.config.flow_timer = flow_timer;
}

}  // namespace sluice
