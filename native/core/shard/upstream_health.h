// The upstreams and their health. A target that has been silent for a while is probed with OPTIONS, at the start at once; one
// that owes a response is soon probed again, and while it is dead, skipped and probed until it responds (RFC 3263 4.3).
#pragma once

#include <array>

#include "core/base/image.h"
#include "core/relay/punctuality.h"
#include "core/relay/upstream_set.h"
#include "core/shard/ground.h"

namespace sluice {

class UpstreamHealth {
 public:
  explicit UpstreamHealth(Ground& ground) noexcept : ground_(ground) {}

  // A target that stays in the set keeps its health.
  void set(const UpstreamSet& upstreams) noexcept;
  const UpstreamSet& targets() const noexcept { return targets_; }
  // For the successor of this process, which has its targets already: those that it shares with us keep their health.
  void freeze(ImageWriter& image) const noexcept;
  void adopt(ImageReader& image) noexcept;
  // The target for a request, by its Call-ID; -1: none is alive.
  int pick(Text call_id) const noexcept;
  // All live targets in the order to try them for a call; returns how many.
  size_t order(Text call_id, std::array<int, UpstreamSet::kCapacity>& out) const noexcept;

  // A request is being sent to it.
  void asked(int target) noexcept {
    Health& health = health_[static_cast<size_t>(target)];
    health.is_wanted = true;
    owes_answer(health);
  }
  void heard(const Address& peer, Transport transport) noexcept {
    const int target = targets_.find(peer, transport);
    if (target >= 0) lives(target);
  }
  void lives(int target) noexcept;
  void failed(int target) noexcept;

  // Calls `probe(target)`, which returns its number, or 0, for each target that is due.
  template <typename Probe>
  void look(Probe&& probe) noexcept {
    for (int i = 0; i < targets_.size() && ground_.config.probe_seconds != 0; ++i) {
      const bool due = is_due(i);
      if (due || is_in_doubt(i)) punctuality_[static_cast<size_t>(i)].asked(probe(i));
    }
  }
  void probe_answered(int target, uint32_t number) noexcept { punctuality_[static_cast<size_t>(target)].answered(number); }
  void doubt(int target, bool doubted) noexcept { punctuality_[static_cast<size_t>(target)].doubt(doubted); }
  const Punctuality& punctuality(int target) const noexcept { return punctuality_[static_cast<size_t>(target)]; }

  // Ticks until look() has something to do, at least 1.
  uint32_t quiet_for() const noexcept;

  // For how many milliseconds a target has owed us a response; 0: it owes none.
  uint32_t silence(int target) const noexcept;
  // Whether it has sent anything since it became a target.
  bool has_spoken(int target) const noexcept { return health_[static_cast<size_t>(target)].has_spoken; }

 private:
  uint64_t hash_of(Text call_id) const noexcept { return siphash(ground_.config.branch_keys.target, call_id.data(), call_id.size()); }

  // Tells a silent upstream from an idle one.
  struct Health {
    uint32_t asked = 0;      // tick of the first request since we last heard from it, 0: none
    uint32_t probe_due = 0;  // tick
    uint32_t pause = 0;      // ticks of silence before a probe
    uint8_t missed = 0;
    bool has_spoken = false;
    bool is_wanted = false;  // a request was sent since it last sent anything
  };

  void owes_answer(Health& health) noexcept {
    if (health.asked == 0) health.asked = ground_.clock.tick() != 0 ? ground_.clock.tick() : UINT32_MAX;
  }
  bool is_due(int target) noexcept;
  bool is_in_doubt(int target) noexcept { return targets_.at(target).alive && punctuality_[static_cast<size_t>(target)].is_due(); }
  void tell(int target, Event of_upstream, Event of_node) noexcept;
  static uint32_t pause_after_failure(const Health& health) noexcept;

  Ground& ground_;
  UpstreamSet targets_;
  std::array<Health, UpstreamSet::kCapacity> health_{};
  std::array<Punctuality, UpstreamSet::kCapacity> punctuality_{};
};

}  // namespace sluice
