#include "core/shard/proxied_context.h"

#include <algorithm>

namespace sluice {

void ProxiedContext::begin(const Ways& ways) noexcept {
  const auto fork_for = [this](const Way& way) { return std::find_if(all().begin(), all().end(), [&](const Fork& one) { return one.device == way.device; }); };
  for (size_t i = 0; i < ways.count(); ++i) {
    const Way& way = ways.at(i);
    const auto known = fork_for(way);
    Fork& fork = known != all().end() ? *known : forks[fork_count++];
    fork.device = way.device;
    fork.q = std::max(fork.q, way.q);
  }
  // Those of equal q in the order of their flows.
  std::stable_sort(all().begin(), all().end(), [](const Fork& one, const Fork& other) { return one.q > other.q; });
  for (size_t i = 0; i < ways.count() && planned < kMostWays; ++i) {
    const Way& way = ways.at(i);
    plan[planned++] = {way.key, way.identity, number_of(*fork_for(way)), false};
  }
}

Fork* ProxiedContext::next_to_start() noexcept {
  if (closed || free == 0) return nullptr;
  const auto begins = std::find_if(all().begin(), all().end(), [](const Fork& one) { return one.state != Fork::State::over; });
  Fork* next = nullptr;
  uint32_t waiting = 0;
  for (auto one = begins; one != all().end() && one->q == begins->q; ++one) {
    if (one->state != Fork::State::waiting) continue;
    if (next == nullptr) next = &*one;
    ++waiting;
  }
  if (next == nullptr) return nullptr;
  next->state = Fork::State::trying;
  next->breadth = std::max(free / waiting, 1u);
  free -= next->breadth;
  return next;
}

bool ProxiedContext::is_trying() const noexcept {
  return std::any_of(all().begin(), all().end(), [](const Fork& one) { return one.state == Fork::State::trying; });
}

bool ProxiedContext::is_last(const Fork& fork) const noexcept {
  return std::all_of(all().begin(), all().end(), [&](const Fork& one) { return &one == &fork || one.state == Fork::State::over || (closed && one.state == Fork::State::waiting); });
}

void ProxiedContext::end(Fork& fork) noexcept {
  if (fork.state == Fork::State::trying) free += fork.breadth;
  fork.state = Fork::State::over;
  fork.branch = 0;
}

Fork* ProxiedContext::fork_of(uint32_t branch) noexcept {
  const auto found = std::find_if(all().begin(), all().end(), [branch](const Fork& one) { return one.branch == branch; });
  return found == all().end() ? nullptr : &*found;
}

const Way* ProxiedContext::next_way(Fork& fork, const Ways& ways) noexcept {
  const uint8_t number = number_of(fork);
  for (;;) {
    for (Planned& one : std::span(plan.data(), planned)) {
      if (one.fork != number || one.is_tried) continue;
      one.is_tried = true;
      for (size_t i = 0; i < ways.count(); ++i)
        if (ways.at(i).key == one.key && ways.at(i).device == fork.device) return &ways.at(i);
    }
    if (fork.looked_again) return nullptr;
    fork.looked_again = true;
    for (size_t i = 0; i < ways.count() && planned < kMostWays; ++i) {
      const Way& way = ways.at(i);
      const bool is_known = std::any_of(plan.begin(), plan.begin() + planned, [&](const Planned& one) { return one.identity == way.identity; });
      if (!is_known && way.device == fork.device) plan[planned++] = {way.key, way.identity, number, false};
    }
  }
}

bool ProxiedContext::has_other(const Fork& fork) const noexcept {
  const uint8_t number = number_of(fork);
  return std::any_of(plan.begin(), plan.begin() + planned, [number](const Planned& one) { return one.fork == number && !one.is_tried; });
}

}  // namespace sluice
