#include "core/shard/arrivals.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace sluice {

void Arrivals::expect(const MovingFlow& flow, int epoll) noexcept {
  epoll_ = epoll;
  if (flow.slot == 0 || flow.slot > most_slots()) return void(close(flow.fd));
  if (flow.slot >= expected_.size()) expected_.resize(size_t{flow.slot} + flow.slot / 2 + 64);
  drop(expected_[flow.slot]);
  expected_[flow.slot] = flow;
  Connections::watch_new(epoll, flow);
}

// epoll would go on reporting it as long as the other process has it open.
void Arrivals::drop(MovingFlow& flow) noexcept {
  if (flow.fd < 0) return;
  epoll_ctl(epoll_, EPOLL_CTL_DEL, flow.fd, nullptr);
  close(std::exchange(flow.fd, -1));
}

void Arrivals::drop_unclaimed() noexcept {
  for (MovingFlow& unwanted : expected_) drop(unwanted);
  expected_ = {};
}

void Arrivals::read(ImageReader& image, std::vector<MovingFlow>& flows) noexcept {
  FlowDraft draft;
  if (!read_flow(image, ground_.pool, connections_.tls(), draft)) return;
  place(image, draft, flows);
  if (!image.good()) forget_belongings(ground_.pool, draft.flow);
}

void Arrivals::place(ImageReader& image, FlowDraft& draft, std::vector<MovingFlow>& flows) noexcept {
  Flow& flow = draft.flow;
  const MovingFlow wanted{draft.slot, flow.generation, -1};
  bool is_watched = false;
  image.expect(draft.slot <= most_slots() && flow.listener < ground_.config.listeners.size(), "a flow is out of range");
  if (flow.kind == FlowKind::stream) {
    if (image.good()) flow.fd = take_descriptor(wanted, flows, is_watched);
    image.expect(flow.fd >= 0, "the descriptor of a connection has not arrived");
  } else {
    image.expect(!is_stream(ground_.config.listeners[flow.listener].transport), "a UDP flow is on a listener for connections");
  }
  if (!image.good()) return;
  if (!ground_.flows.place(draft.slot, flow)) {
    if (flow.fd >= 0) close(flow.fd);
    return image.fail("two flows have one slot");
  }
  if (flow.kind == FlowKind::stream) connections_.came(draft.slot, is_watched, draft.is_counted);
  else udp_flows_.came(draft.slot);
  if (draft.is_armed) timers_.arm_at(draft.slot, flow.timer.due);
  if (flow.kind == FlowKind::stream) streams_.goes_on(draft.slot);
}

// -1: there is none.
int Arrivals::take_descriptor(const MovingFlow& wanted, std::vector<MovingFlow>& flows, bool& is_watched) noexcept {
  MovingFlow* const expected = wanted.slot < expected_.size() ? &expected_[wanted.slot] : nullptr;
  is_watched = expected != nullptr && expected->generation == wanted.generation && expected->fd >= 0;
  if (is_watched) return std::exchange(expected->fd, -1);
  const auto found = std::lower_bound(flows.begin(), flows.end(), wanted, is_before);
  return found == flows.end() || is_before(wanted, *found) ? -1 : std::exchange(found->fd, -1);
}

void Arrivals::take_back(uint32_t slot) noexcept {
  Flow& flow = ground_.flows.at(slot);
  if (flow.kind == FlowKind::udp) return udp_flows_.forget(slot);
  MovingFlow back{slot, flow.generation, std::exchange(flow.fd, -1)};
  connections_.let_go(slot);
  // The slot may be another connection's by now, which has come as well.
  const bool is_taken = slot >= expected_.size() || expected_[slot].fd >= 0;
  if (is_taken) drop(back);
  else expected_[slot] = back;
}

}  // namespace sluice
