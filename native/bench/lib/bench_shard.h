// A shard that a bench drives by hand, in its own thread: what it needs from its process, and the CPU time of its turns.
#pragma once

#include <sys/eventfd.h>

#include <memory>
#include <vector>

#include "core/shard/shard.h"
#include "core/transport/listener_sockets.h"
#include "loopback.h"

namespace sluice::bench {

// A home server with one listener for everybody, whose edges are on loopback.
inline EdgeConfig home_config(uint16_t port) {
  EdgeConfig config;
  config.home = true;
  config.listeners = {listener(Transport::udp, Facing::both, port)};
  config.aliases = {config.listeners[0].bound};
  TrustedNet edges;
  edges.base = address_of(0);
  config.trusted = {edges};
  config.boot = 7;
  return config;
}

class BenchShard {
 public:
  void open(const EdgeConfig& config, const KeyRing& keys = KeyRing()) {
    std::vector<ListenerSockets::Place> places;
    for (const Listener& ours : config.listeners) places.push_back({ours.transport, ours.bound});
    ListenerSockets::Failed failed;
    if (sockets_.open(places, 1, &failed) != 0) die("listen");
    shard_ = std::make_unique<Shard>(config, keys, records_, verdicts_, counters_, std::vector<Ring*>{&ring_}, std::vector<int>{eventfd(0, EFD_NONBLOCK)}, sockets_.of(0), commons_);
    if (shard_->open() != 0) die("open");
  }
  Shard* operator->() const { return shard_.get(); }

  // Takes turns until nothing is left to do. `decide(count)` writes the verdicts on so many records.
  template <typename Decide>
  void turn(Decide&& decide) {
    const double start = cpu_ns();
    while (const unsigned count = shard_->collect()) {
      decide(count);
      shard_->execute();
    }
    spent_ += cpu_ns() - start;
  }
  const int32_t* record(unsigned i) const { return records_ + i * k_record_fields; }
  int32_t* verdict(unsigned i) { return verdicts_ + i * k_verdict_fields; }

  // Nanoseconds of CPU in all turns since forget().
  double spent() const { return spent_; }
  void forget() { spent_ = 0; }

 private:
  Ring ring_{1 << 16};
  int32_t records_[k_batch_size * k_record_fields] = {};
  int32_t verdicts_[k_batch_size * k_verdict_fields] = {};
  int64_t counters_[static_cast<size_t>(Counter::count_)] = {};
  ListenerSockets sockets_;
  FlowCommons commons_{SipKey{5, 6}};
  std::unique_ptr<Shard> shard_;
  double spent_ = 0;
};

}  // namespace sluice::bench
