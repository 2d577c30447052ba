// What goes ahead of a shard while it still runs. Most connections rest most of the time: what is known about them is sent before the stop, and
// again where it has changed. With all shards at rest only the last changes are left.
//
// A flow of which no octet has changed, and over which nobody has registered meanwhile, is as it was: what belongs to it changes only with octets
// that come or go, which are counted there. Any other is described again, and has changed if its draft is another one. So nothing has to be noted
// while a message passes.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/image.h"
#include "core/base/invariant.h"
#include "core/flow/flow_notes.h"
#include "core/flow/flow_table.h"

namespace sluice {

// What an image of drafts says of a flow. Numbers of the image.
enum class Draft : uint8_t {
  none = 0,  // what was said of it no longer holds: it is gone, or comes with the image of the shard
  flow = 1,
};

class Drafts {
 public:
  Drafts(FlowTable& flows, FlowNotes& notes) noexcept : flows_(flows), notes_(notes) {}
  Drafts(const Drafts&) = delete;
  Drafts& operator=(const Drafts&) = delete;

  // Whether a flow has nothing about it that this would be too simple for: nothing half received or unsent, no handshake.
  static bool is_simple(const Flow& flow) noexcept;

  // Appends what has changed of the slots [from, to) since the rounds that have gone. `may_go(slot, flow)`: its descriptor has gone.
  template <typename MayGo>
  uint32_t write(ImageWriter& image, uint32_t from, uint32_t to, MayGo&& may_go) noexcept {
    round_.clear();
    grow();
    for (uint32_t slot = from; slot < to; ++slot) {
      const Flow* const flow = flows_.open_at(slot);
      if (flow != nullptr && rests(slot, *flow)) {
        SLUICE_INVARIANT(is_simple(*flow) && is_as_drawn(image, slot, *flow));
        continue;
      }
      if (flow != nullptr && is_simple(*flow) && may_go(slot, *flow)) draw(image, slot, *flow);
      else if (records_[slot].size > 0) strike_out(image, slot);
    }
    return static_cast<uint32_t>(round_.size());
  }
  // What write() has appended has gone, and the image stays where it is; otherwise the next round says it all again.
  void gone(Text image) noexcept;

  // Whether all that is known about the flow has gone.
  bool hold(uint32_t slot, uint32_t generation) const noexcept { return slot < records_.size() && records_[slot].size > 0 && records_[slot].generation == generation; }
  void clear() noexcept;

 private:
  struct Record {
    const char* octets = nullptr;
    uint32_t size = 0;  // 0: nothing has gone
    uint32_t generation = 0;
  };
  // A flow as it was when its draft was drawn.
  struct alignas(64) Likeness {
    char octets[sizeof(Flow)];
  };
  struct Change {
    uint32_t slot;
    uint32_t generation;
    size_t at;  // in the image
    uint32_t size;
  };

  void grow() noexcept;
  bool rests(uint32_t slot, const Flow& flow) const noexcept;
  bool is_as_drawn(ImageWriter& image, uint32_t slot, const Flow& flow) noexcept;
  Text describe(ImageWriter& image, uint32_t slot, const Flow& flow) noexcept;
  void remember(uint32_t slot) noexcept;
  void draw(ImageWriter& image, uint32_t slot, const Flow& flow) noexcept;
  void strike_out(ImageWriter& image, uint32_t slot) noexcept;

  FlowTable& flows_;
  FlowNotes& notes_;
  std::vector<Record> records_;       // by slot
  std::vector<Likeness> likenesses_;  // by slot
  std::vector<uint8_t> noted_;        // by slot: somebody has registered since
  std::vector<Change> round_;
};

}  // namespace sluice
