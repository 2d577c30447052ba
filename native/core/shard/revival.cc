#include "core/shard/revival.h"

#include <unistd.h>

#include <algorithm>
#include <new>

#include "core/flow/flow_image.h"
#include "core/transport/descriptor_channel.h"

namespace sluice {
namespace {

constexpr uint32_t kMostInHand = 1u << 16;  // more is damage
constexpr uint32_t kMostWaiting = 1u << 24;  // the same
// Of the shortest REGISTER over which there is a flow, octets.
constexpr size_t kLeastRegister = 300;
constexpr uint8_t kUnfinished = kMark_wants_write | kMark_partial | kMark_resumes | kMark_peer_closed | kMark_closing | kMark_deaf;

template <typename Entry, size_t kMost>
const Entry* find_in_hand(const Entry (&entries)[kMost], uint32_t from, uint32_t to, FlowHandle flow) noexcept {
  for (size_t i = from; i < std::min<size_t>(to, kMost); ++i)
    if (entries[i].slot == flow.slot && entries[i].generation == flow.generation) return &entries[i];
  return nullptr;
}

// It was read together with others, and its turn had not come.
bool was_read(const KeptHand& hand, FlowHandle flow, uint32_t read, Standing& out) noexcept {
  const KeptRead* const one = find_in_hand(hand.reads, hand.reads_from, hand.reads_to, flow);
  const size_t octets = read - out.octets_read;
  if (one == nullptr || one->at > KeptHand::kRoom || octets > JointReads::kLargest || octets > KeptHand::kRoom - one->at) return false;
  out.unread = Text(hand.room + one->at, octets);
  return true;
}

// It was to be written to, and the kernel has taken nothing of that: who uses the number of a record again says it for the first time.
bool was_unwritten(const KeptHand& hand, FlowHandle flow, uint32_t sent, Standing& out) noexcept {
  const KeptWrite* const one = find_in_hand(hand.writes, 0, hand.writes_to, flow);
  if (one == nullptr || one->octets_sent != sent) return false;
  out.octets_sent = sent;
  if (one->tls_octets > 0) out.tls = Text(one->tls, std::min<size_t>(one->tls_octets, KeptWrite::kMostTls));
  return true;
}

}  // namespace

// Every number in the memory may be damaged.
bool is_between_messages(const KeptMemory& memory, uint32_t slot, int fd, Standing& out) noexcept {
  const Flow& flow = *memory.flow(slot);
  const bool was_dialled = (flow.flags & kFlow_dialled) != 0;
  if ((flow.marks & kUnfinished) || flow.stream.in != nullptr || !flow.stream.out.empty() || slot == memory.head().reading) return false;
  const KeptLayer* const layer = memory.layer(slot);
  out = {Text(), layer == nullptr ? Text() : Text(layer->tls, sizeof layer->tls), flow.octets_read, flow.octets_sent};
  if (has_counted(fd, was_dialled, flow.octets_read, flow.octets_sent)) return true;
  const KeptHand* const hand = memory.hand();
  uint32_t read = 0, sent = 0;
  if (hand == nullptr || !count_octets(fd, was_dialled, read, sent)) return false;
  const FlowHandle handle{slot, flow.generation};
  return (read == flow.octets_read || was_read(*hand, handle, read, out)) && (sent == flow.octets_sent || was_unwritten(*hand, handle, sent, out));
}

int receive_left(int channel, std::vector<LeftFlows>& shards) noexcept {
  constexpr size_t kMost = DescriptorChannel::kMostDescriptors;
  struct {
    KeeperHead head;
    KeptPlace places[kMost];
  } message;
  int descriptors[kMost];
  for (;;) {
    size_t count = 0, taken = 0;
    const ssize_t size = DescriptorChannel(channel).receive(reinterpret_cast<char*>(&message), sizeof message, descriptors, &count);
    if (size < 0) return static_cast<int>(-size);
    const bool is_whole = static_cast<size_t>(size) >= sizeof(KeeperHead);
    if (is_whole && message.head.word == KeeperWord::over) return 0;
    if (is_whole && message.head.shard < shards.size()) {
      LeftFlows& left = shards[message.head.shard];
      const bool has_places = message.head.count == count && static_cast<size_t>(size) == sizeof(KeeperHead) + count * sizeof(KeptPlace);
      if (message.head.word == KeeperWord::memory && count == 1 && left.memory < 0) left.memory = descriptors[taken++];
      if (message.head.word == KeeperWord::keep && has_places)
        for (; taken < count; ++taken) left.flows.push_back({message.places[taken].slot, message.places[taken].generation, descriptors[taken]});
    }
    for (; taken < count; ++taken) close(descriptors[taken]);
  }
}

const char* Revival::take(int memory, const std::vector<MovingFlow>& flows, RevivedCounts& counts) noexcept {
  const char* fault = nullptr;
  const std::unique_ptr<KeptMemory> before = KeptMemory::read(memory, kept_layout(), fault);
  if (before) {
    const KeptHead& head = before->head();
    if (!is_ours(head)) fault = "it is another shard's";
    if (ground_.flows.size() != 0) fault = "this shard has flows of its own";
  }
  if (fault == nullptr) {
    take_all(*before, flows, counts);
  } else {
    for (const MovingFlow& one : flows) refuse(one);
    counts.lost = static_cast<uint32_t>(flows.size());
  }
  ground_.counters.add(Counter::crash_flows_kept, counts.kept);
  ground_.counters.add(Counter::crash_flows_lost, counts.lost);
  ground_.counters.add(Counter::crash_messages_lost, counts.messages);
  ground_.counters.add(Counter::crash_requests_lost, counts.requests);
  return fault;
}

bool Revival::is_ours(const KeptHead& head) const noexcept {
  const EdgeConfig& config = ground_.config;
  return head.boot == config.boot && head.shard == config.shard && head.shards == config.shards;
}

void Revival::take_all(const KeptMemory& memory, const std::vector<MovingFlow>& flows, RevivedCounts& counts) noexcept {
  const KeptHead& head = memory.head();
  // What one shard has handed another has taken, so only their sum says how much lay between them.
  counts.messages = int64_t{std::min<uint32_t>(head.batch, kMostInHand)} + static_cast<int32_t>(head.handed - head.taken);
  for (const MovingFlow& one : flows) {
    if (take_one(memory, one)) ++counts.kept;
    else refuse(one);
  }
  for (uint32_t slot = 1; slot < head.slots; ++slot) {
    const Flow& flow = *memory.flow(slot);
    if (flow.state == FlowState::free_slot || ground_.flows.open_at(slot) != nullptr) continue;
    if (flow.kind == FlowKind::udp) take_udp(memory, slot);
    else if ((flow.flags & kFlow_dialled) == 0) ++counts.lost;  // whether the keeper had it or not
  }
  for (uint32_t slot = 1; slot < head.slots; ++slot) take_notes(memory, slot);
  counts.requests = int64_t{std::min(head.waiting, kMostWaiting)} + count_unanswered(memory);
  ground_.flows.settle(head.generation);
}

// Over connections that are gone: what came over them, and, with one that we had dialled, what may have gone over it. Everything else finds its way
// by the Via.
uint32_t Revival::count_unanswered(const KeptMemory& memory) noexcept {
  const uint32_t slots = memory.head().slots, now = ground_.clock.tick();
  uint32_t gone = 0, living = 0;
  bool has_dialled_core = false;
  for (uint32_t slot = 1; slot < slots; ++slot) {
    const Flow& flow = *memory.flow(slot);
    if (flow.state != FlowState::open || flow.kind != FlowKind::stream) continue;
    has_dialled_core = has_dialled_core || ((flow.flags & kFlow_dialled) != 0 && (flow.flags & kFlow_core) != 0);
    if (owes_answer(flow, now)) (ground_.flows.open_at(slot) == nullptr ? gone : living) += flow.waiting;
  }
  return gone + (has_dialled_core ? living : 0);
}

bool Revival::take_one(const KeptMemory& memory, const MovingFlow& one) noexcept {
  const KeptHead& head = memory.head();
  const auto& listeners = ground_.config.listeners;
  if (one.slot == 0 || one.slot >= head.slots || one.generation == 0) return false;
  const Flow& from = *memory.flow(one.slot);
  const bool is_sound = from.state == FlowState::open && from.kind == FlowKind::stream && from.generation == one.generation && from.listener < listeners.size() &&
                        is_stream(listeners[from.listener].transport) && (from.flags & kFlow_dialled) == 0 && from.framer.crlf < 4;
  Standing standing;
  if (!is_sound || !is_between_messages(memory, one.slot, one.fd, standing)) return false;
  Flow flow;
  flow.remote = from.remote;
  flow.listener = from.listener;
  flow.fd = one.fd;
  flow.generation = from.generation;
  flow.last_seen = from.last_seen;
  flow.birth = from.birth;
  flow.octets_read = standing.octets_read;
  flow.octets_sent = standing.octets_sent;
  flow.supervise = from.supervise;
  flow.pings = from.pings;
  flow.state = FlowState::open;
  flow.flags = from.flags;
  flow.marks = from.marks & kMarksKept;
  flow.framer.crlf = from.framer.crlf;
  flow.ping_second = from.ping_second;
  flow.messages = from.messages;
  if (from.stream.layer != nullptr && !has_layer(memory, one, standing.tls, flow)) return false;
  if (!take_unread(flow, standing.unread) || !ground_.flows.place(one.slot, flow)) return forget_belongings(ground_.pool, flow), false;
  connections_.revived(one.slot);
  timers_.arm(one.slot);
  streams_.goes_on(one.slot);
  return true;
}

// Read and framed, or opened, in the next turn. False: there is no memory for it.
bool Revival::take_unread(Flow& flow, Text octets) noexcept {
  if (octets.empty()) return true;
  FlowBuffer*& to = flow.stream.layer != nullptr && flow.stream.layer->is_secure ? flow.stream.layer->record : flow.stream.in;
  if (!append(ground_.pool, to, octets)) return false;
  flow.octets_read += static_cast<uint32_t>(octets.size());
  flow.marks |= kMark_resumes;
  return true;
}

bool Revival::has_layer(const KeptMemory& memory, const MovingFlow& one, Text tls, Flow& flow) noexcept {
  const KeptLayer* const place = memory.layer(one.slot);
  if (place == nullptr) return false;
  const KeptLayer& from = *place;
  if (from.is_unfinished != 0 || from.generation != one.generation || from.stage > static_cast<uint8_t>(Stage::open)) return false;
  std::unique_ptr<StreamLayer> layer(new (std::nothrow) StreamLayer);
  if (!layer) return false;
  layer->stage = static_cast<Stage>(from.stage);
  layer->is_secure = from.is_secure != 0;
  layer->is_websocket = from.is_websocket != 0;
  layer->must_have_proxy_header = from.must_have_proxy_header != 0;
  layer->has_handshake_place = layer->stage == Stage::upgrade && (flow.flags & kFlow_core) == 0;
  if (layer->is_secure) {
    TlsProvider* const provider = connections_.tls();
    if (provider != nullptr) layer->tls = provider->resume(tls);
    if (!layer->tls) return false;
  }
  flow.stream.layer = layer.release();
  return true;
}

// Its token leads to it in any case; here is what makes a dead one stay dead, and a silent one noticed.
void Revival::take_udp(const KeptMemory& memory, uint32_t slot) noexcept {
  const Flow& from = *memory.flow(slot);
  const auto& listeners = ground_.config.listeners;
  if (from.state != FlowState::open || from.generation == 0 || from.listener >= listeners.size() || is_stream(listeners[from.listener].transport)) return;
  Flow flow;
  flow.kind = FlowKind::udp;
  flow.state = FlowState::open;
  flow.remote = from.remote;
  flow.listener = from.listener;
  flow.generation = from.generation;
  flow.last_seen = from.last_seen;
  flow.birth = from.birth;
  flow.died = from.died;
  flow.supervise = from.supervise;
  flow.flags = from.flags;
  flow.marks = from.marks & (kMark_died | kMark_bound);
  flow.messages = from.messages;
  if (!ground_.flows.place(slot, flow)) return;
  udp_flows_.revived(slot);
  timers_.arm(slot);
  // What its REGISTER has earned lets the answer through that it waits for.
  if ((flow.flags & kFlow_core) == 0) ground_.commons.answers.received(flow.remote, kLeastRegister);
}

// One that is faulty is left out: the next REGISTER makes up for it.
void Revival::take_notes(const KeptMemory& memory, uint32_t slot) noexcept {
  const Flow* const flow = ground_.flows.open_at(slot);
  const KeptNotes* const place = memory.notes(slot);
  if (flow == nullptr || place == nullptr) return;
  const KeptNotes& from = *place;
  if (from.generation != flow->generation || from.size > KeptNotes::kMost) return;
  ends_.notes().drop(slot);
  const bool is_whole = adopt_image(Text(from.octets, from.size), ImageOf::flow, [&](ImageReader& image) { ends_.notes().adopt_slot(image, ground_.flows); }) == nullptr;
  if (!is_whole) ends_.notes().drop(slot);
}

void Revival::refuse(const MovingFlow& one) noexcept {
  ground_.kept.refuse({one.slot, one.generation});
  close(one.fd);
}

}  // namespace sluice
