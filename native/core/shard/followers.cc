#include "core/shard/followers.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>

#include "core/flow/flow_image.h"
#include "core/transport/descriptor_channel.h"

namespace sluice {
namespace {

// What a connection holds right after its handshake: its state and what came with the last flight.
constexpr size_t kMostOctets = 160 * 1024;
constexpr uint8_t kEnds = kMark_closing | kMark_deaf | kMark_peer_closed;

}  // namespace

void Followers::send_over(int channel, uint32_t version) noexcept {
  end();
  version_ = version;
  channel_ = channel;
  connections_.leave_when_open(true);
}

void Followers::send() noexcept {
  if (!connections_.leaves()) return;
  for (const FlowHandle handle : connections_.take_leaving()) send(handle);
}

// One that cannot be sent is served here until the drain ends it.
void Followers::send(FlowHandle handle) noexcept {
  const Flow* const flow = ground_.flows.find(handle);
  if (flow == nullptr || (flow->marks & kEnds)) return;
  ImageWriter image(ImageOf::flow, version_);
  freeze_flow(image, handle.slot, *flow);
  std::vector<char> octets = image.finish();
  const bool fits = octets.size() <= kMostOctets;
  const int error = fits ? DescriptorChannel(channel_).try_send(Text(octets.data(), octets.size()), &flow->fd, 1) : EMSGSIZE;
  wipe(octets);
  if (error != 0) return streams_.goes_on(handle.slot);
  ground_.counters.add(Counter::flows_followed);
  connections_.follow(handle.slot);
}

void Followers::expect(int channel, int epoll, uint64_t marker) noexcept {
  end();
  channel_ = channel;
  epoll_ = epoll;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = marker;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, channel_, &event);
}

void Followers::take() noexcept {
  if (channel_ < 0) return;
  room_.resize(kMostOctets);
  int descriptors[DescriptorChannel::kMostDescriptors];
  size_t count = 0;
  const ssize_t size = DescriptorChannel(channel_).try_receive(room_.data(), room_.size(), descriptors, &count);
  if (size == -EAGAIN) return;
  if (size < 0) return end();
  if (count == 1) adopt(Text(room_.data(), static_cast<size_t>(size)), descriptors[0]);
  else for (size_t i = 0; i < count; ++i) close(descriptors[i]);
  wipe(room_);
}

// It gets a place of its own: nobody has a token of it yet. One that is faulty is closed: it came from our own predecessor.
void Followers::adopt(Text octets, int fd) noexcept {
  FlowDraft draft;
  const char* const fault = adopt_image(octets, ImageOf::flow, [&](ImageReader& image) {
    if (!read_flow(image, ground_.pool, connections_.tls(), draft)) return;
    const auto& listeners = ground_.config.listeners;
    image.expect(draft.flow.kind == FlowKind::stream && draft.flow.listener < listeners.size() && is_stream(listeners[draft.flow.listener].transport), "a flow is out of range");
    if (!image.good()) forget_belongings(ground_.pool, draft.flow);
  });
  if (fault != nullptr) return void(close(fd));
  ground_.counters.add(Counter::flows_followed);
  const uint32_t slot = ground_.flows.open(FlowKind::stream, draft.flow.remote, draft.flow.listener);
  Flow& flow = ground_.flows.at(slot);
  const uint32_t generation = flow.generation;
  flow = draft.flow;
  flow.generation = generation;
  flow.timer = WheelNode{};
  flow.fd = fd;
  connections_.joined(slot, draft.is_counted);
  timers_.arm(slot);
  streams_.goes_on(slot);
}

void Followers::end() noexcept {
  if (channel_ < 0) return;
  if (epoll_ >= 0) epoll_ctl(epoll_, EPOLL_CTL_DEL, channel_, nullptr);
  close(channel_);
  channel_ = epoll_ = -1;
}

}  // namespace sluice
