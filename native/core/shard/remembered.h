// Remembered requests: sends 430 when the flow they wait on dies, retransmits over unreliable hops, repeats final responses.
#pragma once

#include <deque>
#include <vector>

#include "core/base/image.h"
#include "core/base/octet_log.h"
#include "core/relay/pending_shares.h"
#include "core/relay/pending_table.h"
#include "core/shard/responder.h"

namespace sluice {

// Ticks after which a request will no longer be answered (RFC 3261 16.6 step 11).
constexpr uint32_t kTimerCSeconds = 200;  // more than the three minutes that a call may ring
inline uint32_t answer_wait(const EdgeConfig& config, Method method) noexcept {
  return Clock::ticks(uint64_t{method == Method::invite ? kTimerCSeconds : config.branch_seconds} * 1000);
}

class Remembered {
 public:
  // An outgoing request, and what to remember of it.
  struct Request {
    uint64_t key = 0;       // of its transaction, see key_of()
    uint8_t roles = 0;      // PendingRole bits
    Method method = Method::unknown;
    uint32_t flow = 0;      // slot of the flow it waits on, 0: none
    uint16_t listener = 0;  // that it leaves from
    Address to;             // UDP
    const Address* client = nullptr;  // the one that sent it; nullptr: the core
  };

  Remembered(Ground& ground, Outbox& outbox, Responder& responder) noexcept;
  ~Remembered() noexcept;
  Remembered(const Remembered&) = delete;
  Remembered& operator=(const Remembered&) = delete;

  uint64_t key_of(Text branch, Method method) const noexcept { return table_.key_of(branch, method); }
  // It is about to be looked for.
  void fetch(uint64_t key) noexcept { table_.fetch(key); }
  void add(const Request& request, Text head, Text body) noexcept;
  // Its response, as it is relayed.
  void answered(uint64_t key, int status, Text head, Text body) noexcept;
  // True: the request is a retransmission and has been dealt with.
  bool is_retransmission(uint64_t key, Text branch) noexcept;
  // We have answered it ourselves.
  void drop(uint64_t key) noexcept;
  // RFC 5626 5.3.1, 11.5: whoever waits for a response over this flow gets 430 now instead of a timeout later.
  void flow_is_gone(uint32_t slot) noexcept;

  // Call after the limits have changed.
  void look_at_limits() noexcept { table_.set_capacity(ground_.config.limits.max_pending); }

  // For the successor of this process: what waits on no flow, or on one that moves.
  template <typename Moves>
  void freeze(ImageWriter& image, Moves&& moves) noexcept {
    const size_t at = image.later();
    uint32_t count = 0;
    table_.each([&](Pending& entry) {
      if (entry.flow != 0 && !moves(entry.flow)) return;
      freeze_one(image, entry);
      ++count;
    });
    image.set(at, count);
    freeze_completed(image);
  }
  void adopt(ImageReader& image) noexcept;
  // What has moved, without an answer to anyone.
  template <typename Moves>
  void let_go(Moves&& moves) noexcept {
    std::vector<uint32_t> gone;
    table_.each_index([&](uint32_t index) {
      const uint32_t flow = table_.at(index).flow;
      if (flow == 0 || moves(flow)) gone.push_back(index);
    });
    for (const uint32_t index : gone) forget(index);
  }

  void tick() noexcept;
  uint32_t size() const noexcept { return table_.size(); }
  uint32_t quiet_for() const noexcept { return wheel_.quiet_for(); }

 private:
  struct Nodes {
    PendingTable& table;
    WheelNode& node(uint32_t index) noexcept { return table.node(index); }
  };

  static void freeze_one(ImageWriter& image, const Pending& entry) noexcept;
  void freeze_completed(ImageWriter& image) const noexcept;
  void adopt_one(ImageReader& image) noexcept;
  uint32_t* head_of(const Pending& entry) noexcept { return entry.flow != 0 ? &ground_.flows.at(entry.flow).pending : nullptr; }
  bool has_room(uint16_t share) const noexcept;
  bool keep_answer(Pending& entry, PendingState state, Text head, Text body) noexcept;
  OctetLog& log_of(const Pending& entry) noexcept { return entry.state == PendingState::completed ? answers_ : provisionals_; }
  uint16_t payer_of(const Pending& entry) const noexcept;
  void forget_answer(Pending& entry) noexcept;
  void completed(uint32_t index) noexcept;
  bool forget_oldest(const Pending& newest) noexcept;
  bool forget_front(const Pending& newest) noexcept;
  void answer(uint32_t index, int status) noexcept;
  void due(uint32_t index) noexcept;
  void forget(uint32_t index) noexcept;

  Ground& ground_;
  Outbox& outbox_;
  Responder& responder_;
  PendingTable table_;
  // A call may ring for minutes, and must not keep the memory of final responses, which are many and go soon.
  OctetLog answers_{ground_.pool, ground_.config.limits.max_buffer_bytes / 4};
  OctetLog provisionals_{ground_.pool, ground_.config.limits.max_buffer_bytes / 8};
  PendingShares shares_;  // of the table
  PendingShares octets_;  // of the responses
  Nodes nodes_{table_};
  TimingWheel<Nodes> wheel_;
  std::deque<uint64_t> completed_;  // keys of remembered final responses, the oldest first; some are forgotten
};

}  // namespace sluice
