#include "core/flow/kept_flows.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/base/crc32c.h"
#include "core/transport/descriptor_channel.h"
#include "core/transport/stream_layer.h"

namespace sluice {
namespace {

constexpr size_t kMostPlaces = DescriptorChannel::kMostDescriptors;
// What waits for a keeper that does not take it is looked through when it has grown to this.
constexpr size_t kManyBegun = 65'536;

// Of a connection that never rests.
constexpr int kTries = 100;

bool ask_kernel(int fd, tcp_info& info) noexcept {
  socklen_t size = sizeof info;
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && size >= offsetof(tcp_info, tcpi_min_rtt);
}

// Octets of a plain connection wait in `in`, where the flow shows them.
bool is_unfinished(const StreamLayer& layer) noexcept { return layer.record != nullptr || layer.ws.opcode != Opcode::continuation; }

}  // namespace

// Everything of a flow that the next process reads, and where it is.
uint64_t kept_layout() noexcept {
  const size_t places[] = {sizeof(Flow), offsetof(Flow, remote), offsetof(Flow, listener), offsetof(Flow, generation), offsetof(Flow, last_seen), offsetof(Flow, birth), offsetof(Flow, died),
                          offsetof(Flow, chain), offsetof(Flow, supervise), offsetof(Flow, pings), offsetof(Flow, kind), offsetof(Flow, state), offsetof(Flow, flags), offsetof(Flow, marks),
                          offsetof(Flow, framer), offsetof(Flow, ping_second), offsetof(Flow, stream), offsetof(StreamParts, out), offsetof(StreamParts, layer), offsetof(Flow, messages), offsetof(Flow, waiting), offsetof(Flow, waiting_until), sizeof(KeptHead), offsetof(KeptHead, has_hand), sizeof(KeptHand), offsetof(KeptHand, reads), offsetof(KeptHand, writes), offsetof(KeptHand, room), offsetof(KeptHead, batch), offsetof(KeptHead, taken), offsetof(KeptHead, waiting),
                          sizeof(KeptLayer), offsetof(KeptLayer, tls), sizeof(KeptNotes), static_cast<size_t>(FlowState::draining_out), static_cast<size_t>(kMark_deaf), static_cast<size_t>(Stage::open)};
  return crc32c(0, places, sizeof places);
}

bool count_octets(int fd, bool was_dialled, uint32_t& read, uint32_t& sent) noexcept {
  tcp_info info{}, again{};
  if (!ask_kernel(fd, info)) return false;
  // Between two questions more may come, or be acknowledged, and then the numbers do not belong together.
  for (int tries = 0; tries < kTries; ++tries, info = again) {
    int unread = 0, under_way = 0;
    if (ioctl(fd, SIOCINQ, &unread) != 0 || ioctl(fd, SIOCOUTQ, &under_way) != 0 || !ask_kernel(fd, again)) return false;
    if (again.tcpi_bytes_received != info.tcpi_bytes_received || again.tcpi_bytes_acked != info.tcpi_bytes_acked) continue;
    read = static_cast<uint32_t>(info.tcpi_bytes_received) - static_cast<uint32_t>(unread);
    // Of a connection that was dialled it counts the SYN, too.
    sent = static_cast<uint32_t>(info.tcpi_bytes_acked) + static_cast<uint32_t>(under_way) - (was_dialled ? 1 : 0);
    return true;
  }
  return false;
}

// What is neither unread nor on its way is in two of its numbers.
bool has_counted(int fd, bool was_dialled, uint32_t read, uint32_t sent) noexcept {
  tcp_info info{};
  if (!ask_kernel(fd, info)) return false;
  const uint32_t acknowledged = static_cast<uint32_t>(info.tcpi_bytes_acked) - (was_dialled ? 1 : 0);
  if (info.tcpi_unacked == 0 && info.tcpi_notsent_bytes == 0 && acknowledged == sent && static_cast<uint32_t>(info.tcpi_bytes_received) == read) return true;
  uint32_t had_read = 0, had_sent = 0;
  return count_octets(fd, was_dialled, had_read, had_sent) && had_read == read && had_sent == sent;
}

int KeptFlows::begin(int channel, uint16_t boot, uint8_t shard, uint8_t shards, size_t most) noexcept {
  int error = 0;
  memory_ = KeptMemory::make(error, most);
  if (!memory_) return error;
  KeptHead& head = memory_->head();
  head.layout = kept_layout();
  head.boot = boot;
  head.shard = shard;
  head.shards = shards;
  flows_.live_in(*memory_);
  shard_ = shard;
  channel_ = channel;
  is_on_ = true;
  return 0;
}

void KeptFlows::tell_memory(bool goes_on) noexcept {
  if (channel_ >= 0 && show_memory(channel_, goes_on) != 0) let_go();
}

int KeptFlows::show_memory(int channel, bool goes_on) const noexcept {
  if (!is_on()) return ENODEV;
  const KeeperHead head{KeeperWord::memory, shard_, goes_on ? 1u : 0u, getpid()};
  const int fd = memory_->fd();
  return DescriptorChannel(channel).send(message_of(head), &fd, 1);
}

void KeptFlows::stop(bool ends) noexcept {
  if (!is_on()) return;
  const KeeperHead head{ends ? KeeperWord::end : KeeperWord::left, shard_, 0, getpid()};
  if (channel_ >= 0) DescriptorChannel(channel_).try_send(message_of(head), nullptr, 0);
  let_go();
}

void KeptFlows::tell(uint32_t slot) noexcept {
  if (slot >= told_.size()) told_.resize(std::max<size_t>(flows_.slots(), slot + 1u));
  told_[slot] = flows_.at(slot).generation;
}

void KeptFlows::add(uint32_t slot) noexcept {
  if (!write_layer(slot)) return counters_.add(Counter::keeper_full);
  tell(slot);
  if (channel_ < 0) return;
  begun_.push_back(flows_.handle(slot));
  if (begun_.size() % kManyBegun == 0) std::erase_if(begun_, [this](FlowHandle one) { return flows_.find(one) == nullptr; });
}

void KeptFlows::adopt(uint32_t slot) noexcept {
  if (!flows_.is_kept(slot)) {
    counters_.add(Counter::keeper_full);
    return refuse(flows_.handle(slot));
  }
  tell(slot);
  adopted_.push_back(flows_.handle(slot));
}

bool KeptFlows::write_layer(uint32_t slot) noexcept {
  const Flow& flow = flows_.at(slot);
  if (flow.stream.layer == nullptr || !flows_.is_kept(slot)) return flows_.is_kept(slot);
  KeptLayer* const place = memory_->make_layer(slot);
  if (place == nullptr) return false;
  KeptLayer& layer = *place;
  layer.generation = 0;
  layer.is_unfinished = is_unfinished(*flow.stream.layer);
  layer.stage = static_cast<uint8_t>(flow.stream.layer->stage);
  layer.is_secure = flow.stream.layer->is_secure;
  layer.is_websocket = flow.stream.layer->is_websocket;
  layer.must_have_proxy_header = flow.stream.layer->must_have_proxy_header;
  // Without its keys it cannot be gone on with.
  if (flow.stream.layer->is_secure && !(flow.stream.layer->tls && flow.stream.layer->tls->live_in(layer.tls, KeptLayer::kMostTls))) return true;
  layer.generation = flow.generation;
  return true;
}

void KeptFlows::write_part(uint32_t slot) noexcept {
  if (KeptLayer* const layer = memory_->layer(slot)) layer->is_unfinished = is_unfinished(*flows_.at(slot).stream.layer);
}

// What the process before had counted is not known here, so the kernel is asked, while nothing is under way between it and us.
void KeptFlows::count_adopted() noexcept {
  for (size_t left = kLooks; left > 0 && !adopted_.empty(); --left) {
    const FlowHandle one = adopted_.back();
    adopted_.pop_back();
    Flow* const flow = flows_.find(one);
    uint32_t read = 0, sent = 0;
    if (flow == nullptr || !count_octets(flow->fd, false, read, sent)) continue;
    flow->octets_read = read;
    flow->octets_sent = sent + static_cast<uint32_t>(flow->stream.out.octets());
    write_layer(one.slot);
  }
}

bool KeptFlows::send(KeeperWord word, const std::vector<KeptPlace>& places, size_t count, const int* descriptors) noexcept {
  struct {
    KeeperHead head;
    KeptPlace places[kMostPlaces];
  } message;
  message.head = {word, shard_, static_cast<uint32_t>(count), getpid()};
  std::memcpy(message.places, places.data(), count * sizeof(KeptPlace));
  const Text octets = message_of(message, sizeof(KeeperHead) + count * sizeof(KeptPlace));
  const int error = DescriptorChannel(channel_).try_send(octets, descriptors, descriptors == nullptr ? 0 : count);
  if (error != 0 && error != EAGAIN) let_go();
  return error == 0;
}

// False: the keeper takes no more now.
bool KeptFlows::send_begun() noexcept {
  std::vector<KeptPlace> places;
  int descriptors[kMostPlaces];
  size_t looked = 0;
  for (; looked < begun_.size() && places.size() < kMostPlaces; ++looked) {
    const Flow* const flow = flows_.find(begun_[looked]);
    if (flow == nullptr) continue;
    descriptors[places.size()] = flow->fd;
    places.push_back({begun_[looked].slot, begun_[looked].generation});
  }
  if (!places.empty() && !send(KeeperWord::keep, places, places.size(), descriptors)) return false;
  counters_.add(Counter::keeper_told, static_cast<int64_t>(places.size()));
  begun_.erase(begun_.begin(), begun_.begin() + static_cast<ptrdiff_t>(looked));
  return true;
}

bool KeptFlows::send_ended() noexcept {
  const size_t count = std::min(kMostPlaces, ended_.size());
  if (!send(KeeperWord::drop, ended_, count, nullptr)) return false;
  ended_.erase(ended_.begin(), ended_.begin() + static_cast<ptrdiff_t>(count));
  return true;
}

void KeptFlows::send_news() noexcept {
  while (!ended_.empty() && send_ended()) continue;
  while (!begun_.empty() && send_begun()) continue;
  if (is_on()) count_adopted();
}

// The keeper is gone: the main thread says so. The memory stays, for flows lie in it.
void KeptFlows::let_go() noexcept {
  is_on_ = false;
  channel_ = -1;
  begun_.clear();
  ended_.clear();
  adopted_.clear();
  told_.clear();
}

}  // namespace sluice
