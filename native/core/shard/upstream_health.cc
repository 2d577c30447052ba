#include "core/shard/upstream_health.h"

namespace sluice {
namespace {

constexpr uint32_t kSuspectMs = 8000;   // a target this long silent after a request becomes suspect
constexpr uint32_t kSuspectProbeMs = 1000;
constexpr uint8_t kProbesToDie = 3;

}  // namespace

void UpstreamHealth::set(const UpstreamSet& upstreams) noexcept {
  UpstreamSet next = upstreams;
  std::array<Health, UpstreamSet::kCapacity> health{};
  for (int i = 0; i < next.size(); ++i) {
    const int before = targets_.find(next.at(i).address, next.at(i).transport);
    if (before < 0) continue;
    next.set_alive(i, targets_.at(before).alive);
    health[static_cast<size_t>(i)] = health_[static_cast<size_t>(before)];
  }
  targets_ = next;
  health_ = health;
}

int UpstreamHealth::pick(Text call_id) const noexcept { return targets_.pick(hash_of(call_id)); }

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
  health.probe_due = ground_.clock.tick() + Clock::ticks(uint64_t{ground_.config.probe_seconds} * 1000);
  if (!targets_.at(target).alive) return;
  targets_.set_alive(target, false);
  ground_.counters.add(Counter::upstream_failures);
  ground_.alerts.add(Event::upstream_down, targets_.at(target).address, target);
}

void UpstreamHealth::lives(int target) noexcept {
  Health& health = health_[static_cast<size_t>(target)];
  health.asked = 0;
  health.missed = 0;
  if (targets_.at(target).alive) return;
  targets_.set_alive(target, true);
  ground_.alerts.add(Event::upstream_up, targets_.at(target).address, target);
}

bool UpstreamHealth::is_due(int target) noexcept {
  Health& health = health_[static_cast<size_t>(target)];
  const bool alive = targets_.at(target).alive;
  const uint32_t now = ground_.clock.tick();
  if (alive && (health.asked == 0 || now - health.asked < Clock::ticks(kSuspectMs))) return false;
  if (!ground_.clock.reached(health.probe_due)) return false;
  if (alive && health.missed >= kProbesToDie) {
    failed(target);
    return false;
  }
  if (alive) ++health.missed;
  health.probe_due = now + Clock::ticks(alive ? kSuspectProbeMs : uint64_t{ground_.config.probe_seconds} * 1000);
  return true;
}

uint32_t UpstreamHealth::silence(int target) const noexcept {
  const uint32_t asked = health_[static_cast<size_t>(target)].asked;
  return asked == 0 ? 0 : ground_.clock.ms_since(asked);
}

}  // namespace sluice
