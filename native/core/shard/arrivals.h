// In the process that takes over: connections whose descriptors have come, and what has been said of them so far.
#pragma once

#include <vector>

#include "core/flow/flow_image.h"
#include "core/shard/moving_flow.h"
#include "core/shard/stream_reader.h"
#include "core/shard/udp_flows.h"

namespace sluice {

class Arrivals {
 public:
  Arrivals(Ground& ground, FlowTimers& timers, UdpFlows& udp_flows, Connections& connections, StreamReader& streams) noexcept
      : ground_(ground), timers_(timers), udp_flows_(udp_flows), connections_(connections), streams_(streams) {}
  ~Arrivals() noexcept { drop_unclaimed(); }
  Arrivals(const Arrivals&) = delete;
  Arrivals& operator=(const Arrivals&) = delete;

  // Its descriptor is ours now. epoll watches it before anybody asks what it reports.
  void expect(const MovingFlow& flow, int epoll) noexcept;
  // Reads a flow into its place. A connection takes the descriptor that was expected, or one of `flows`, which are sorted.
  void read(ImageReader& image, std::vector<MovingFlow>& flows) noexcept;
  // What was said of this flow no longer holds; its descriptor is expected again.
  void take_back(uint32_t slot) noexcept;
  // Descriptors that nobody has asked for.
  void drop_unclaimed() noexcept;

  static bool is_before(const MovingFlow& one, const MovingFlow& other) noexcept { return one.slot != other.slot ? one.slot < other.slot : one.generation < other.generation; }

 private:
  uint64_t most_slots() const noexcept { return uint64_t{ground_.config.limits.max_flows} * 16 + 65'536; }
  void place(ImageReader& image, FlowDraft& draft, std::vector<MovingFlow>& flows) noexcept;
  int take_descriptor(const MovingFlow& wanted, std::vector<MovingFlow>& flows, bool& is_watched) noexcept;
  void drop(MovingFlow& flow) noexcept;

  Ground& ground_;
  FlowTimers& timers_;
  UdpFlows& udp_flows_;
  Connections& connections_;
  StreamReader& streams_;
  std::vector<MovingFlow> expected_;  // by slot
  int epoll_ = -1;
};

}  // namespace sluice
