#include "core/shard/upstream_health.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr uint32_t kSuspectMs = 8000;   // a target this long silent after a request becomes suspect
constexpr uint32_t kSuspectProbeMs = 1000;
constexpr uint8_t kProbesToDie = 3;

// Up to an eighth longer, so that targets and shards do not all probe at the same time.
uint32_t pause_of(const EdgeConfig& config, int target) noexcept {
  const uint32_t ticks = Clock::ticks(uint64_t{config.probe_seconds} * 1000);
  return ticks + (static_cast<uint32_t>(target) * 7 + config.shard * 3u) % (ticks / 8 + 1);
}

}  // namespace

void UpstreamHealth::set(const UpstreamSet& upstreams) noexcept {
  UpstreamSet next = upstreams;
  std::array<Health, UpstreamSet::kCapacity> health{};
  std::array<Punctuality, UpstreamSet::kCapacity> punctuality{};
  for (int i = 0; i < next.size(); ++i) {
    Health& one = health[static_cast<size_t>(i)];
    one.probe_due = ground_.clock.tick();
    if (const int before = targets_.find(next.at(i).address, next.at(i).transport); before >= 0) {
      next.set_alive(i, targets_.at(before).alive);
      one = health_[static_cast<size_t>(before)];
      punctuality[static_cast<size_t>(i)] = punctuality_[static_cast<size_t>(before)];
    }
    one.pause = pause_of(ground_.config, i);
  }
  targets_ = next;
  health_ = health;
  punctuality_ = punctuality;
}

// Where there is no choice, it does not matter whose call it is.
int UpstreamHealth::pick(Text call_id) const noexcept { return targets_.pick(targets_.has_choice() ? hash_of(call_id) : 0); }

size_t UpstreamHealth::order(Text call_id, std::array<int, UpstreamSet::kCapacity>& out) const noexcept {
  const uint64_t hash = hash_of(call_id);
  size_t count = 0;
  uint64_t tried = 0;
  for (int target = targets_.pick(hash); target >= 0; target = targets_.pick(hash, tried)) {
    out[count++] = target;
    tried |= uint64_t{1} << target;
  }
  return count;
}

void UpstreamHealth::failed(int target) noexcept {
  Health& health = health_[static_cast<size_t>(target)];
  health.missed = kProbesToDie;
  health.probe_due = ground_.clock.tick() + pause_after_failure(health);
  if (!targets_.at(target).alive) return;
  if (!health.has_spoken && !health.is_wanted) {
    // It is unknown yet whether it is alive: it is probed again, and a request may still try it.
    health.asked = 0;
    health.missed = 0;
    return;
  }
  targets_.set_alive(target, false);
  ground_.counters.add(Counter::upstream_failures);
  tell(target, Event::upstream_down, Event::node_down);
}

void UpstreamHealth::lives(int target) noexcept {
  Health& health = health_[static_cast<size_t>(target)];
  health.asked = 0;
  health.is_wanted = false;
  health.missed = 0;
  health.has_spoken = true;
  health.probe_due = ground_.clock.tick() + health.pause;
  if (targets_.at(target).alive) return;
  targets_.set_alive(target, true);
  tell(target, Event::upstream_up, Event::node_up);
}

void UpstreamHealth::tell(int target, Event of_upstream, Event of_node) noexcept {
  const Upstream& one = targets_.at(target);
  if (one.node >= 0) ground_.alerts.add(of_node, one.address, one.node);
  else ground_.alerts.add(of_upstream, one.address, target);
}

bool UpstreamHealth::is_due(int target) noexcept {
  Health& health = health_[static_cast<size_t>(target)];
  const bool alive = targets_.at(target).alive;
  const uint32_t now = ground_.clock.tick();
  const bool owes = alive && health.asked != 0;
  if (owes && now - health.asked < Clock::ticks(kSuspectMs)) return false;
  // A silence that has just become suspicious is probed at once.
  if (!(owes && health.missed == 0) && !ground_.clock.reached(health.probe_due)) return false;
  if (owes && health.missed >= kProbesToDie) {
    failed(target);
    return false;
  }
  if (owes) ++health.missed;
  else if (alive) owes_answer(health);
  health.probe_due = now + (owes ? Clock::ticks(kSuspectProbeMs) : alive ? health.pause : pause_after_failure(health));
  return true;
}

uint32_t UpstreamHealth::quiet_for() const noexcept {
  uint32_t least = UINT32_MAX;
  for (int i = 0; i < targets_.size() && ground_.config.probe_seconds != 0; ++i) {
    const Health& health = health_[static_cast<size_t>(i)];
    const bool owes = targets_.at(i).alive && health.asked != 0;
    const uint32_t suspect = health.asked + Clock::ticks(kSuspectMs);
    // As in is_due().
    const uint32_t due = owes && (health.missed == 0 || !ground_.clock.reached(suspect)) ? suspect : health.probe_due;
    least = std::min(least, ground_.clock.reached(due) ? 1 : due - ground_.clock.tick());
  }
  return least;
}

// One that has never responded may just be starting, as we are.
uint32_t UpstreamHealth::pause_after_failure(const Health& health) noexcept {
  return health.has_spoken ? health.pause : std::min(health.pause, Clock::ticks(kSuspectProbeMs));
}

uint32_t UpstreamHealth::silence(int target) const noexcept {
  const uint32_t asked = health_[static_cast<size_t>(target)].asked;
  return asked == 0 ? 0 : ground_.clock.ms_since(asked);
}

void UpstreamHealth::freeze(ImageWriter& image) const noexcept {
  image.count(static_cast<size_t>(targets_.size()));
  for (int i = 0; i < targets_.size(); ++i) {
    const Upstream& target = targets_.at(i);
    const Health& health = health_[static_cast<size_t>(i)];
    image.fields(target.address, target.transport, target.alive, health.asked, health.probe_due, health.missed, health.has_spoken, health.is_wanted);
  }
}

void UpstreamHealth::adopt(ImageReader& image) noexcept {
  for (uint32_t left = image.count(sizeof(Address)); left > 0; --left) {
    Upstream target;
    Health health;
    image.fields(target.address, target.transport, target.alive, health.asked, health.probe_due, health.missed, health.has_spoken, health.is_wanted);
    const int known = image.good() ? targets_.find(target.address, target.transport) : -1;
    if (known < 0) continue;
    health.pause = health_[static_cast<size_t>(known)].pause;
    health_[static_cast<size_t>(known)] = health;
    targets_.set_alive(known, target.alive);
  }
}

}  // namespace sluice
