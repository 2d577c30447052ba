// Connections on their way from one process to the next.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <unordered_set>

#include "core/flow/flow_image.h"
#include "core/relay/source.h"
#include "core/shard/connections.h"

namespace sluice {
namespace {

constexpr uint32_t kQuiet = EPOLLIN | EPOLLRDHUP;  // of an open connection with nothing to send
constexpr const char* kLostConnection = "a dialled connection leads to no flow";

}  // namespace

void Connections::freeze(ImageWriter& image, const std::function<bool(uint32_t)>& moves) const noexcept {
  size_t at = image.later();
  uint32_t count = 0;
  for (const CoreConnection& open : core_) {
    if (!moves(open.slot)) continue;
    image.fields(open.slot, open.address, open.transport);
    image.text(open.name);
    ++count;
  }
  image.set(at, count);
  at = image.later();
  count = 0;
  for (const auto& [key, slot] : phones_) {
    if (!moves(slot)) continue;
    image.fields(slot);
    ++count;
  }
  image.set(at, count);
  image.count(refusals_.size());
  for (const Refusal& refusal : refusals_) image.fields(refusal.address, refusal.until);
  image.count(unsent_.size());
  for (const UnsentQueue& queue : unsent_) freeze_queue(image, queue);
}

void Connections::adopt(ImageReader& image) noexcept {
  std::unordered_set<uint32_t> known;
  const auto is_dialled = [&](uint32_t slot, bool to_core) {
    const Flow* const flow = ground_.flows.open_at(slot);
    return flow != nullptr && flow->kind == FlowKind::stream && (flow->flags & kFlow_dialled) && ((flow->flags & kFlow_core) != 0) == to_core && known.insert(slot).second;
  };
  for (uint32_t left = image.count(sizeof(uint32_t)); left > 0; --left) {
    CoreConnection open{};
    image.fields(open.slot, open.address, open.transport);
    open.name = image.text();
    image.expect(is_dialled(open.slot, true), kLostConnection);
    if (image.good()) core_.push_back(std::move(open));
  }
  find_targets();
  for (uint32_t left = image.count(sizeof(uint32_t)); left > 0; --left) {
    uint32_t slot = 0;
    image.fields(slot);
    image.expect(is_dialled(slot, false), kLostConnection);
    if (!image.good()) return;
    const Flow& flow = ground_.flows.at(slot);
    phones_[phone_key(flow.remote, source_of_flow(ground_.config, slot, flow).transport)] = slot;
  }
  uint32_t refusals = image.count(sizeof(Address));
  image.expect(refusals <= kMostRefusals, "too many neighbours have refused connections");
  for (; refusals > 0 && image.good(); --refusals) {
    Refusal refusal{};
    image.fields(refusal.address, refusal.until);
    refusals_.push_back(refusal);
  }
  for (uint32_t left = image.count(sizeof(uint32_t)); left > 0 && image.good(); --left) read_queue(image, ground_.pool, unsent_.emplace_back());
  std::sort(handshakes_.begin(), handshakes_.end(), [this](FlowHandle one, FlowHandle other) {
    return static_cast<int32_t>(ground_.flows.at(one.slot).birth - ground_.flows.at(other.slot).birth) < 0;
  });
}

void Connections::came(uint32_t slot, bool is_watched, bool is_counted) noexcept {
  Flow& flow = ground_.flows.at(slot);
  flow.upstream = -1;
  shares_.take_over(flow);
  if (flow.flags & kFlow_dialled) ground_.kept.has_dialled(slot);
  else ground_.kept.has(slot);
  if (is_counted) ground_.kept.is_counted(slot);
  ground_.counters.add(Counter::stream_flows);
  if (flow.stream.layer != nullptr && flow.stream.layer->has_handshake_place) {
    shares_.take_over_handshake(flow.remote);
    ground_.counters.add(Counter::handshakes);
    handshakes_.push_back(ground_.flows.handle(slot));
  }
  if (is_watched && StreamWriter::events_of(flow) == kQuiet) return;
  watch(slot, is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD);
}

void Connections::watch_new(int epoll, const MovingFlow& flow) noexcept {
  epoll_event event{};
  event.events = kQuiet;
  event.data.u64 = FlowHandle{flow.slot, flow.generation}.packed();
  epoll_ctl(epoll, EPOLL_CTL_ADD, flow.fd, &event);
}

// The peer must see the end, and epoll forget the connection, although another process has it open.
void Connections::close_descriptor(int fd) noexcept {
  if (is_shared_ || ground_.kept.is_on()) {
    epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
    shutdown(fd, SHUT_RDWR);
  }
  ::close(fd);
}

void Connections::watch(uint32_t slot, int operation) noexcept {
  const Flow& flow = ground_.flows.at(slot);
  epoll_event event{};
  event.events = StreamWriter::events_of(flow);
  event.data.u64 = FlowHandle{slot, flow.generation}.packed();
  epoll_ctl(epoll_, operation, flow.fd, &event);
}

void Connections::watch_all() noexcept {
  for (uint32_t slot = 1; slot < ground_.flows.slots(); ++slot) {
    const Flow* const flow = ground_.flows.open_at(slot);
    if (flow != nullptr && flow->kind == FlowKind::stream) watch(slot, EPOLL_CTL_ADD);
  }
}

void Connections::let_go(uint32_t slot) noexcept {
  Flow& flow = ground_.flows.at(slot);
  ground_.counters.add(Counter::stream_flows, -1);
  ground_.kept.forget(slot);
  ends_.notes().drop(slot);
  timers_.cancel(slot);
  if (flow.flags & kFlow_dialled) forget_dialled(slot);
  if (flow.stream.layer != nullptr) give_handshake(flow);
  forget_belongings(ground_.pool, flow);
  ::close(flow.fd);
  shares_.give(flow);
  ground_.flows.release(slot);
}

void Connections::follow(uint32_t slot) noexcept {
  epoll_ctl(epoll_, EPOLL_CTL_DEL, ground_.flows.at(slot).fd, nullptr);
  let_go(slot);
}

void Connections::joined(uint32_t slot, bool is_counted) noexcept {
  note_origin(slot, ground_.flows.at(slot).remote);
  came(slot, false, is_counted);
  ground_.kept.keep(slot);
}

void Connections::revived(uint32_t slot) noexcept {
  const Flow& flow = ground_.flows.at(slot);
  if ((flow.flags & kFlow_core) == 0) note_origin(slot, flow.remote);
  came(slot, false);
}

void Connections::taken_back(uint32_t slot) noexcept {
  watch(slot, EPOLL_CTL_MOD);
  timers_.arm(slot);
  ground_.kept.note_layer(slot);
}

// What TLS would seal has a number that the other process may have used, and what a WebSocket would send may land in the middle of a frame.
void Connections::lose(uint32_t slot) noexcept {
  Flow& flow = ground_.flows.at(slot);
  if (flow.stream.layer != nullptr) {
    flow.stream.layer->tls.reset();
    flow.stream.layer->close_sent = true;
  }
  close(slot, Counter::flows_closed);
}

void Connections::let_go_unsent() noexcept {
  for (UnsentQueue& queue : unsent_) queue.clear(ground_.pool);
  unsent_.clear();
}

}  // namespace sluice
