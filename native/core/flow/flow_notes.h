// What the operator may want to know about flows: the AORs registered over them, and how recent flows ended. Written once per REGISTER
// and once when a flow ends, never per message.
#pragma once

#include <memory>
#include <vector>

#include "core/base/image.h"
#include "core/flow/agent_names.h"
#include "core/flow/end_list.h"
#include "core/flow/flow_table.h"
#include "core/observe/news.h"
#include "core/sip/message.h"

namespace sluice {

// One AOR on one flow. The texts follow it in the same block of memory.
struct Registration {
  std::unique_ptr<Registration> next;
  const std::string* common_agent = nullptr;  // User-Agent of the first REGISTER, if many have it; else it follows the other texts
  uint32_t since = 0;      // tick of the first 2xx
  uint32_t refreshed = 0;  // tick of the last 2xx
  uint32_t granted = 0;    // seconds from then on, 0: unknown
  uint32_t contact = 0;    // hash of the Contact's URI
  uint32_t reg_id = 0;     // 0: none
  uint32_t mark = 0;       // hash of the REGISTER: an equal one is a refresh and is not read again
  uint32_t answer = 0;     // hash of what its 2xx grants: an equal one grants the same and is not read again; 0: none was read
  uint8_t aor_size = 0;
  uint8_t instance_size = 0;
  uint8_t agent_size = 0;

  char* text() noexcept { return reinterpret_cast<char*>(this + 1); }
  Text both() const noexcept { return Text(reinterpret_cast<const char*>(this + 1), size_t{aor_size} + instance_size); }
  Text aor() const noexcept { return both().substr(0, aor_size); }
  Text instance() const noexcept { return both().substr(aor_size); }
  // User-Agent of the REGISTER that was first.
  Text agent() const noexcept { return common_agent != nullptr ? Text(*common_agent) : Text(both().data() + both().size(), agent_size); }
  void operator delete(void* memory) noexcept { ::operator delete(memory); }
};

class FlowNotes {
 public:
  static constexpr size_t kEnds = 32'768;   // an hour at nine a second; 7 MB
  // Apart, because they would fill the others in a moment:
  static constexpr size_t kStrangers = 4096;  // connections over which nobody registered
  static constexpr size_t kMoved = 256;       // those that a drain ended

  // `tells`: whether `news` hears of registrations too; of flows that end it always does.
  FlowNotes(Counters& counters, NewsQueue& news, bool tells) noexcept : counters_(counters), news_(news), tells_(tells) {}

  // Have the caches fetch where the registrations of a slot are, and then the first of them.
  void fetch_place(uint32_t slot) const noexcept {
    if (slot < notes_.size()) __builtin_prefetch(&notes_[slot]);
  }
  void fetch(uint32_t slot) const noexcept {
    if (const Registration* const first = of(slot)) __builtin_prefetch(first, 1);
  }

  // A client's REGISTER leaves for the core under `key`, its transaction's key there; `slot` is its flow, 0: not remembered yet.
  void asked(uint64_t key, const Message& request, uint32_t slot) noexcept;
  // Its 2xx arrived, which says for how long; `slot` is the client's flow, 0 if it is unknown.
  void granted(uint64_t key, uint32_t slot, const Address& peer, uint32_t tick, const Message& response) noexcept;
  // It was accepted for so many seconds.
  void granted(uint64_t key, uint32_t slot, const Address& peer, uint32_t tick, uint32_t seconds) noexcept { grant(key, slot, peer, tick, nullptr, seconds); }

  void ended(uint32_t slot, const Flow& flow, Counter why, uint32_t tick) noexcept;
  // Forgets the AORs of a slot that is about to be reused.
  void drop(uint32_t slot) noexcept;

  // For the successor of this process: who registered over these flows, and the REGISTERs under way. Not how earlier flows ended.
  template <typename Moves>
  void freeze(ImageWriter& image, Moves&& moves) const noexcept {
    const size_t at = image.later();
    uint32_t known = 0;
    for (uint32_t slot = 1; slot < notes_.size(); ++slot) {
      if (notes_[slot] == nullptr || !moves(slot)) continue;
      freeze_slot(image, slot);
      ++known;
    }
    image.set(at, known);
    freeze_asked(image);
  }
  void adopt(ImageReader& image, FlowTable& flows) noexcept;
  // The same for one flow.
  void freeze_slot(ImageWriter& image, uint32_t slot) const noexcept;
  void adopt_slot(ImageReader& image, FlowTable& flows) noexcept;
  // From now on it tells which slots have changed.
  void watch() noexcept { watches_ = true; }
  // 0: none.
  uint32_t take_changed() noexcept {
    if (changed_.empty()) return 0;
    const uint32_t slot = changed_.back();
    changed_.pop_back();
    return slot;
  }

  // Where it marks the slots over which somebody registers, refreshes and ends included, as far as there is a place for them; nullptr: nowhere.
  void mark_in(std::vector<uint8_t>* slots) noexcept { marked_ = slots; }

  const Registration* of(uint32_t slot) const noexcept { return slot < notes_.size() ? notes_[slot].get() : nullptr; }
  // `back` 0 is the newest; strangers come after all phones, and those that a drain ended come last. nullptr: there are not that many.
  const FlowEnd* end_at(size_t back) const noexcept;

 private:
  static constexpr size_t kAsked = 2048;
  static constexpr size_t kMaxAorsOfFlow = 16;

  // A REGISTER in transit. A second one in the same place replaces it; the next refresh makes up for the loss. Two of them share a cache line, since
  // a refresh needs no more than this.
  struct alignas(32) Asked {
    uint64_t key = 0;
    uint32_t reg_id = 0;
    uint32_t contact = 0;
    uint32_t mark = 0;
    uint8_t aor_size = 0;
    uint8_t instance_size = 0;
    uint8_t agent_size = 0;
    bool leaves = false;
    bool refresh = false;
  };
  static_assert(sizeof(Asked) == 32);
  // AOR, instance and User-Agent of one that is no refresh, one after the other.
  struct AskedText {
    char octets[234];
  };

  void has_changed(uint32_t slot) noexcept {
    if (watches_) changed_.push_back(slot);
  }
  // `response` says for how long, or `seconds` if there is none.
  void grant(uint64_t key, uint32_t slot, const Address& peer, uint32_t tick, const Message* response, uint32_t seconds) noexcept;
  void add(uint32_t slot, const Address& peer, const Asked& asked, const char* text, uint32_t tick, uint32_t seconds) noexcept;
  char* text_of(const Asked& asked) const noexcept { return texts_[static_cast<size_t>(&asked - asked_.get())].octets; }
  void make_asked() noexcept;
  void freeze_asked(ImageWriter& image) const noexcept;
  Registration* make(Registration&& of, Text names, Text agent) noexcept;
  bool read_registration(ImageReader& image, uint32_t slot) noexcept;
  void read_asked(ImageReader& image) noexcept;
  void tell(Event event, const Address& peer, const Asked& asked, const char* text) noexcept;

  Counters& counters_;
  NewsQueue& news_;
  const bool tells_;
  bool watches_ = false;
  std::vector<uint32_t> changed_;  // slots
  std::vector<uint8_t>* marked_ = nullptr;

  std::unique_ptr<Asked[]> asked_;
  std::unique_ptr<AskedText[]> texts_;
  std::vector<std::unique_ptr<Registration>> notes_;  // by slot
  AgentNames agents_;
  EndList ends_{kEnds, counters_, Counter::ended_phones, Counter::ended_phones_forgotten};
  EndList strangers_{kStrangers, counters_, Counter::ended_strangers, Counter::ended_strangers_forgotten};
  EndList moved_{kMoved, counters_, Counter::ended_moved, Counter::ended_moved_forgotten};
};

}  // namespace sluice
