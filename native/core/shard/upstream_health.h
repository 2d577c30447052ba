// The upstreams and their health: a target that does not answer a request is probed with OPTIONS, skipped when dead, and probed until it
// answers (RFC 3263 4.3).
#pragma once

#include <array>

#include "core/relay/upstream_set.h"
#include "core/shard/ground.h"

namespace sluice {

class UpstreamHealth {
 public:
  explicit UpstreamHealth(Ground& ground) noexcept : ground_(ground) {}

  // A target that stays in the set keeps its health.
  void set(const UpstreamSet& upstreams) noexcept;
  const UpstreamSet& targets() const noexcept { return targets_; }
  // The target for a request, by its Call-ID; -1: none is alive.
  int pick(Text call_id) const noexcept;
  // All live targets in the order to try them for a call; returns how many.
  size_t order(Text call_id, std::array<int, UpstreamSet::kCapacity>& out) const noexcept;

  void asked(int target) noexcept {
    Health& health = health_[static_cast<size_t>(target)];
    if (health.asked == 0) health.asked = ground_.clock.tick() != 0 ? ground_.clock.tick() : UINT32_MAX;
  }
  void heard(const Address& peer, Transport transport) noexcept {
    const int target = targets_.find(peer, transport);
    if (target >= 0) lives(target);
  }
  void lives(int target) noexcept;
  void failed(int target) noexcept;

  // Calls `probe(target)` for each target that is due.
  template <typename Probe>
  void look(Probe&& probe) noexcept {
    for (int i = 0; i < targets_.size() && ground_.config.probe_seconds != 0; ++i)
      if (is_due(i)) probe(i);
  }

  // For how many milliseconds a target has owed us a response; 0: it owes none.
  uint32_t silence(int target) const noexcept;

 private:
  uint64_t hash_of(Text call_id) const noexcept { return siphash(ground_.config.branch_keys.target, call_id.data(), call_id.size()); }

  // Tells a silent upstream from an idle one.
  struct Health {
    uint32_t asked = 0;      // tick of the first request since we last heard from it, 0: none
    uint32_t probe_due = 0;  // tick
    uint8_t missed = 0;
  };

  bool is_due(int target) noexcept;

  Ground& ground_;
  UpstreamSet targets_;
  std::array<Health, UpstreamSet::kCapacity> health_{};
};

}  // namespace sluice
