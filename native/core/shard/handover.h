// A shard on its way from one process to the next, between turns and with all shards at rest: what must outlive the process is written as
// an image (image.h), and its descriptors are listed beside it (docs/decisions/handover.md).
#pragma once

#include <vector>

#include "core/relay/admission.h"
#include "core/shard/arrivals.h"
#include "core/shard/core_sender.h"
#include "core/shard/drafts.h"
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

  explicit Handover(const Parts& parts) noexcept
      : parts_(parts),
        ground_(parts.ground),
        drafts_(parts.ground.flows, parts.ends.notes()),
        arrivals_(parts.ground, parts.timers, parts.udp_flows, parts.connections, parts.streams) {}
  ~Handover() noexcept {
    if (has_drafts_) drop_all();
  }
  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;

  // Between turns, before freeze(): appends up to `most` connections that have not been announced; false: these were all. From now on, until
  // release or resume, another process has duplicates of our descriptors.
  bool announce(std::vector<MovingFlow>& out, size_t most) noexcept;
  void end_announcing() noexcept;
  // What is known about announced connections and UDP flows goes ahead as well: appends what has changed since of the slots from `slot` on, at
  // most so many, and says how many have. `slot` is the next one then, 0: these were all. The image stays where it is once it has gone.
  uint32_t draft(ImageWriter& image, uint32_t& slot, uint32_t most) noexcept;
  void draft_has_gone(Text image) noexcept { drafts_.gone(image); }

  // After the last drafts. `rest`: appends the connections that were not announced.
  void freeze(ImageWriter& image, std::vector<MovingFlow>& rest) noexcept;
  // Since freeze().
  bool moves(uint32_t slot) const noexcept { return slot < moves_.size() && moves_[slot]; }
  // Counted by freeze().
  MoveCounts moving() const noexcept { return moved_; }
  // The successor has taken over: forgets what the last freeze() wrote, and closes its descriptors without a word to anyone.
  void let_go() noexcept;

  // In the other process: an announced connection, whose descriptor is ours now.
  void expect(const MovingFlow& flow, int epoll) noexcept { arrivals_.expect(flow, epoll); }
  // What has gone ahead. nullptr, or why it cannot take over; then the shard is empty again.
  const char* adopt_drafts(Text octets) noexcept;

  // In an empty shard. nullptr: it has taken over, and the descriptors that it keeps are -1; else why not, and the shard is empty again.
  const char* adopt(Text octets, std::vector<MovingFlow>& flows) noexcept;

 private:
  bool was_announced(uint32_t slot, uint32_t generation) const noexcept { return slot < announced_.size() && announced_[slot] == generation; }
  void drop_ended(std::vector<MovingFlow>& flows) noexcept;
  void choose() noexcept;
  void freeze_flows(ImageWriter& image, std::vector<MovingFlow>& rest) noexcept;
  void freeze_closing(ImageWriter& image) noexcept;
  void freeze_parts(ImageWriter& image) noexcept;
  void freeze_place(ImageWriter& image) const noexcept;
  void check_place(ImageReader& image) noexcept;
  void adopt_flows(ImageReader& image, std::vector<MovingFlow>& flows) noexcept;
  void adopt_closing(ImageReader& image) noexcept;
  void adopt_parts(ImageReader& image) noexcept;
  void drop_all() noexcept;

  const Parts parts_;
  Ground& ground_;
  std::vector<bool> moves_;  // by slot
  MoveCounts moved_;
  std::vector<uint32_t> announced_;  // generation by slot
  uint32_t announced_up_to_ = 0;     // slot
  Drafts drafts_;
  Arrivals arrivals_;
  bool has_drafts_ = false;  // of another process
};

}  // namespace sluice
