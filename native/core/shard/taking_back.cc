// The process that took over from this one has died while this one held still: what passed meanwhile is in the memory of that one, as far as it
// can be read, and in what the kernel has counted.
#include <unistd.h>

#include <utility>

#include "core/flow/flow_image.h"
#include "core/shard/revival.h"
#include "core/transport/descriptor_channel.h"

namespace sluice {
namespace {

// What it knows of the flow here, if that is still the same one there.
const Flow* same_flow(const KeptMemory* memory, uint32_t slot, uint32_t generation) noexcept {
  if (memory == nullptr || slot >= memory->head().slots) return nullptr;
  const Flow* const flow = memory->flow(slot);
  return flow->state != FlowState::free_slot && flow->generation == generation ? flow : nullptr;
}

}  // namespace

int receive_memory(int channel) noexcept {
  KeeperHead head{};
  int descriptors[DescriptorChannel::kMostDescriptors];
  size_t count = 0;
  const ssize_t size = DescriptorChannel(channel).try_receive(reinterpret_cast<char*>(&head), sizeof head, descriptors, &count);
  if (size == sizeof head && head.word == KeeperWord::memory && count == 1) return descriptors[0];
  for (size_t i = 0; size >= 0 && i < count; ++i) close(descriptors[i]);
  return -1;
}

void Revival::take_back(int memory, const std::vector<MovingFlow>& flows, const HadMoved& moved, RevivedCounts& counts) noexcept {
  const char* fault = nullptr;
  std::unique_ptr<KeptMemory> after;
  // The keeper may not have heard of another one than ours.
  if (memory >= 0 && !ground_.kept.is_memory(memory)) after = KeptMemory::read(memory, kept_layout(), fault);
  if (after && !is_ours(after->head())) after.reset();
  connections_.share_descriptors(true);  // the kernel may not have closed those of the other process yet; until resume()
  std::vector<MovingFlow> fresh;
  for (const MovingFlow& one : flows) {
    if (ground_.flows.find({one.slot, one.generation}) == nullptr) fresh.push_back(one);
    else close(one.fd);
  }
  for (uint32_t slot = 1; slot < ground_.flows.slots(); ++slot) {
    const Flow* const flow = ground_.flows.open_at(slot);
    if (flow == nullptr || !moved(slot)) continue;
    const bool is_udp = flow->kind == FlowKind::udp;
    const Fate fate = is_udp ? follow_udp(after.get(), slot) : fate_of(after.get(), slot);
    if (fate == Fate::goes_on) continue;
    if (fate == Fate::is_lost) ++counts.lost;
    if (is_udp) udp_flows_.forget(slot);
    else connections_.lose(slot);
  }
  for (const MovingFlow& one : fresh) {
    const bool goes_on = after && take_one(*after, one);
    ++(goes_on ? counts.kept : counts.lost);
    if (!goes_on) refuse(one);
  }
  if (!after) return;
  const uint32_t slots = after->head().slots;
  for (uint32_t slot = 1; slot < slots; ++slot)
    if (after->flow(slot)->kind == FlowKind::udp && ground_.flows.open_at(slot) == nullptr) take_udp(*after, slot);
  for (uint32_t slot = 1; slot < slots; ++slot)
    take_notes(*after, slot);
  ground_.flows.settle(after->head().generation);
}

Revival::Fate Revival::fate_of(const KeptMemory* memory, uint32_t slot) noexcept {
  const Flow& own = ground_.flows.at(slot);
  const Flow* const from = same_flow(memory, slot, own.generation);
  if (memory != nullptr && from == nullptr) return Fate::had_ended;
  const bool is_open = own.state == FlowState::open;
  const bool is_untouched = has_counted(own.fd, is_open && (own.flags & kFlow_dialled), own.octets_read, own.octets_sent - static_cast<uint32_t>(own.stream.out.octets()));
  // A record that was sealed there, and not sent, has its number.
  const bool was_used = from != nullptr && (from->octets_read != own.octets_read || from->octets_sent != own.octets_sent || slot == memory->head().reading);
  if (is_untouched && !was_used) return Fate::goes_on;
  return is_open && from != nullptr && goes_on_as(*memory, slot) ? Fate::goes_on : Fate::is_lost;
}

bool Revival::goes_on_as(const KeptMemory& memory, uint32_t slot) noexcept {
  Flow& own = ground_.flows.at(slot);
  const Flow& from = *memory.flow(slot);
  if (from.kind != FlowKind::stream || from.state != FlowState::open || from.framer.crlf >= 4) return false;
  Standing standing;
  if (!is_between_messages(memory, slot, own.fd, standing)) return false;
  if ((from.stream.layer == nullptr) != (own.stream.layer == nullptr) || (own.stream.layer != nullptr && !takes_layer(memory, slot, standing.tls))) return false;
  give_back(ground_.pool, own.stream.in);
  own.stream.out.clear(ground_.pool);
  own.framer = FramerState{};
  own.framer.crlf = from.framer.crlf;
  own.last_seen = from.last_seen;
  own.octets_read = standing.octets_read;
  own.octets_sent = standing.octets_sent;
  own.supervise = from.supervise;
  own.pings = from.pings;
  own.ping_second = from.ping_second;
  own.messages = from.messages;
  own.flags = from.flags;
  own.marks = from.marks & kMarksKept;
  if (!take_unread(own, standing.unread)) return false;
  connections_.taken_back(slot);
  streams_.goes_on(slot);
  return true;
}

// Not in the middle of a handshake.
bool Revival::takes_layer(const KeptMemory& memory, uint32_t slot, Text tls) noexcept {
  StreamLayer& own = *ground_.flows.at(slot).stream.layer;
  const KeptLayer* const place = memory.layer(slot);
  if (place == nullptr) return false;
  const KeptLayer& from = *place;
  if (from.is_unfinished != 0 || from.generation != ground_.flows.at(slot).generation || from.stage != static_cast<uint8_t>(own.stage) || (from.is_secure != 0) != own.is_secure) return false;
  if (own.is_secure) {
    TlsProvider* const provider = connections_.tls();
    own.tls = provider == nullptr ? nullptr : provider->resume(tls);
    if (!own.tls) return false;
  }
  give_back(ground_.pool, own.record);
  own.ws = WsState{};
  own.pinged = false;
  return true;
}

Revival::Fate Revival::follow_udp(const KeptMemory* memory, uint32_t slot) noexcept {
  if (memory == nullptr) return Fate::goes_on;
  Flow& own = ground_.flows.at(slot);
  const Flow* const from = same_flow(memory, slot, own.generation);
  if (from == nullptr) return Fate::had_ended;
  own.last_seen = from->last_seen;
  own.birth = from->birth;
  own.died = from->died;
  own.supervise = from->supervise;
  own.flags = from->flags;
  own.marks = from->marks & (kMark_died | kMark_bound);
  own.messages = from->messages;
  timers_.arm(slot);
  return Fate::goes_on;
}

}  // namespace sluice
