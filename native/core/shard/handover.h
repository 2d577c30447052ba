// A shard on its way from one process to the next, between turns and with all shards at rest: what must outlive the process is written as
// an image (image.h), and its descriptors are listed beside it (docs/decisions/handover.md).
#pragma once

#include <vector>

#include "core/flow/flow_image.h"
#include "core/relay/admission.h"
#include "core/shard/core_sender.h"
#include "core/shard/moving_flow.h"
#include "core/shard/object_gate.h"
#include "core/shard/proxying.h"
#include "core/shard/registering.h"
#include "core/shard/stream_reader.h"

namespace sluice {

class Handover {
 public:
  struct Parts {
    Ground& ground;
    Crossing& crossing;
    UpstreamHealth& upstreams;
    Admission& admission;
    ObjectEvents& events;
    Responder& responder;
    Remembered& remembered;
    FlowTimers& timers;
    FlowEnds& ends;
    UdpFlows& udp_flows;
    Connections& connections;
    CoreSender& core_sender;
    StreamReader& streams;
    ObjectGate& object;
    Registering& registering;
    Proxying& proxying;
  };

  explicit Handover(const Parts& parts) noexcept : parts_(parts), ground_(parts.ground) {}
  ~Handover() noexcept {
    for (MovingFlow& unwanted : expected_) drop_expected(unwanted);
  }
  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;

  // Between turns, before freeze(): appends up to `most` connections that have not been announced; false: these were all. From now on, until
  // release or resume, another process has duplicates of our descriptors.
  bool announce(std::vector<MovingFlow>& out, size_t most) noexcept;
  void end_announcing() noexcept;

  // `version`: the layout that the other process reads. `octets`: written into the memory that it has. `rest`: appends the connections that were not announced.
  void freeze(uint32_t version, std::vector<char>& octets, std::vector<MovingFlow>& rest) noexcept;
  // Counted by freeze().
  MoveCounts moving() const noexcept { return moved_; }
  // The successor has taken over: forgets what the last freeze() wrote, and closes its descriptors without a word to anyone.
  void let_go() noexcept;

  // In the other process: an announced connection, whose descriptor is ours now. epoll watches it before anybody asks what it reports.
  void expect(const MovingFlow& flow, int epoll) noexcept;

  // In an empty shard. nullptr: it has taken over, and the descriptors that it keeps are -1; else why not, and the shard is empty again.
  const char* adopt(Text octets, std::vector<MovingFlow>& flows) noexcept;

 private:
  bool was_announced(uint32_t slot, uint32_t generation) const noexcept { return slot < announced_.size() && announced_[slot] == generation; }
  uint64_t most_slots() const noexcept { return uint64_t{ground_.config.limits.max_flows} * 16 + 65'536; }
  int take_descriptor(const MovingFlow& wanted, std::vector<MovingFlow>& flows, bool& is_watched) noexcept;
  void drop_ended(std::vector<MovingFlow>& flows) noexcept;
  void drop_expected(MovingFlow& flow) noexcept;
  bool moves(uint32_t slot) const noexcept { return slot < moves_.size() && moves_[slot]; }
  void choose() noexcept;
  void freeze_flows(ImageWriter& image, std::vector<MovingFlow>& rest) noexcept;
  void freeze_closing(ImageWriter& image) noexcept;
  void freeze_parts(ImageWriter& image) noexcept;
  void check_place(ImageReader& image) noexcept;
  void adopt_flows(ImageReader& image, std::vector<MovingFlow>& flows) noexcept;
  void adopt_flow(ImageReader& image, FlowDraft& draft, std::vector<MovingFlow>& flows) noexcept;
  void adopt_closing(ImageReader& image) noexcept;
  void adopt_parts(ImageReader& image) noexcept;
  void drop_all() noexcept;

  const Parts parts_;
  Ground& ground_;
  std::vector<bool> moves_;  // by slot
  MoveCounts moved_;
  std::vector<uint32_t> announced_;  // generation by slot
  uint32_t announced_up_to_ = 0;     // slot
  std::vector<MovingFlow> expected_;  // by slot
  int epoll_ = -1;
};

}  // namespace sluice
