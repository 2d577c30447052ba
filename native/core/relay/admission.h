// Which REGISTERs of clients go to the upstream now, which wait here, and which phones come back later. While the upstream answers in time,
// each goes at once. When it does not, they wait in the order of their rank; who would wait too long gets 503 and is told when the backlog
// will be done (RFC 5626 4.5, RFC 3261 21.5.4).
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "core/base/counters.h"
#include "core/base/hash_chains.h"
#include "core/base/image.h"
#include "core/base/kept_octets.h"
#include "core/relay/pending_shares.h"
#include "core/relay/phone_memory.h"
#include "core/relay/source.h"
#include "core/relay/upstream_set.h"
#include "core/relay/upstream_window.h"

namespace sluice {

// Who goes first: an emergency; a refresh over a flow that is registered; a phone that comes back when it was told to; one that was
// registered before; any other.
enum class Rank : uint8_t { urgent, registered, told, known, first };

class Admission {
 public:
  enum class Answer : uint8_t { send, wait, absorb, refuse };
  enum class LetGo : uint8_t { sent, gone, later };

  struct Request {
    uint64_t key = 0;  // of its transaction
    int target = 0;    // upstream
    Rank rank = Rank::first;
  };
  struct Waiting {
    Source source;
    KeptOctets octets;
    uint16_t share = 0;
  };
  struct Bounds {
    size_t octets;       // of all that wait
    uint32_t of_source;  // number
  };

  static constexpr uint32_t kMost = 65'536;  // REGISTERs under way or waiting, of a shard

  Admission(Counters& counters, const SipKey& key) noexcept : counters_(counters), shares_(key), entries_(1) {}
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  // `wait`: call keep(). `refuse`: answer 503 with put_off().
  Answer ask(const Request& request, uint64_t now) noexcept;
  // False: there is no room.
  bool keep(const Request& request, const Source& source, Text head, Text body, const Bounds& bounds, uint64_t now) noexcept;
  // Seconds until this phone should come back.
  uint32_t put_off(uint32_t phone, int target, uint64_t now) noexcept;
  void answered(uint64_t key, bool refused, uint64_t now) noexcept;

  void registered(uint32_t phone) noexcept { phones_.registered(phone); }
  // By the upstream's own 503: it goes first when it comes back.
  void turned_away(uint32_t phone, uint64_t now) noexcept { phones_.told(phone, static_cast<uint32_t>(now / UpstreamWindow::kSecond)); }
  // Of a phone without a flow that is registered.
  Rank rank_of(uint32_t phone, uint64_t now) const noexcept;

  bool has_waiting() const noexcept { return waiting_ > 0; }
  // Calls `let_go(waiting)` for each that may go now; it comes back through ask().
  template <typename Fn>
  void release(uint64_t now, Fn&& let_go) noexcept {
    for (int target = 0; target < lanes_in_use_ && waiting_ > 0; ++target) {
      Lane& lane = lanes_[static_cast<size_t>(target)];
      while (const uint32_t index = next_of(lane, now)) {
        const LetGo went = let_go(*entries_[index].waiting);
        if (went == LetGo::later) return;
        leave_queue(index);
        if (went == LetGo::gone) {
          forget(index);
          continue;
        }
        lane.window.sent();
        under_way(index, State::let_go, now);
      }
    }
  }
  // `tell(target, busy)` when REGISTERs begin to wait for an upstream, and when none has waited for a while.
  template <typename Tell>
  void tick(uint64_t now, Tell&& tell) noexcept {
    if (size_ == 0 && lanes_in_use_ == 0) return;
    give_up_silent(now);
    for (int target = 0; target < lanes_in_use_; ++target)
      if (look_at(lanes_[static_cast<size_t>(target)], now)) tell(target, lanes_[static_cast<size_t>(target)].is_busy);
    count();
  }
  // The targets have changed: `from[i]` is the earlier index of target i, -1 if it is new. What waited for one that is gone goes to the first.
  void rearrange(const std::array<int, UpstreamSet::kCapacity>& from, int size) noexcept;
  // What waits for a dead upstream goes elsewhere, or is answered.
  void set_alive(int target, bool alive) noexcept { lanes_[static_cast<size_t>(target)].is_dead = !alive; }

  // For the successor of this process: what waits. It learns for itself what the upstreams can take.
  void freeze(ImageWriter& image) const noexcept;
  void adopt(ImageReader& image, const EdgeConfig& config, int targets) noexcept;
  void let_go() noexcept;

  // Connections that may be accepted until the next tick; UINT32_MAX: any number.
  uint32_t accepts() const noexcept { return accepts_; }
  void accepted() noexcept {
    if (accepts_ != UINT32_MAX && accepts_ > 0) --accepts_;
  }

 private:
  enum class State : uint8_t { free, waiting, let_go, asked };
  static constexpr size_t kRanks = 5;

  struct Entry {
    HashLink link;
    uint64_t since = 0;  // when it came
    uint64_t sent = 0;
    uint32_t next = 0;   // in its queue, or of those under way, or free
    uint32_t prev = 0;
    State state = State::free;
    Rank rank = Rank::first;
    int8_t target = -1;
    std::unique_ptr<Waiting> waiting;
  };
  struct Queue {
    uint32_t head = 0;
    uint32_t tail = 0;
    uint32_t size = 0;
  };
  struct Lane {
    UpstreamWindow window;
    std::array<Queue, kRanks> queues;
    uint64_t promised = 0;  // until when the upstream is busy with the phones that were told to come back
    uint64_t calm = 0;      // since when none waits
    bool is_busy = false;
    bool is_dead = false;
  };
  struct Links {
    Admission& owner;
    HashLink& link(uint32_t index) noexcept { return owner.entries_[index].link; }
  };

  Lane& lane_of(int target) noexcept;
  uint32_t open(const Request& request, uint64_t now) noexcept;  // 0: full
  void forget(uint32_t index) noexcept;
  void push(Queue& queue, uint32_t index) noexcept;
  void unlink(Queue& queue, uint32_t index) noexcept;
  void under_way(uint32_t index, State state, uint64_t now) noexcept;
  void leave_queue(uint32_t index) noexcept;
  uint32_t next_of(Lane& lane, uint64_t now) noexcept;
  Answer come_back(uint32_t index, const Request& request, uint64_t now) noexcept;
  static uint32_t ahead_of(const Lane& lane, Rank rank) noexcept;
  static double wait_of(const Lane& lane, Rank rank) noexcept { return ahead_of(lane, rank) / lane.window.rate(); }
  void give_up_silent(uint64_t now) noexcept;
  bool look_at(Lane& lane, uint64_t now) noexcept;
  void count() noexcept;

  Counters& counters_;
  PendingShares shares_;
  PhoneMemory phones_;
  std::vector<Entry> entries_;
  HashChains<Links> chains_{Links{*this}};
  uint32_t free_ = 0;
  uint32_t size_ = 0;
  uint32_t waiting_ = 0;
  size_t octets_ = 0;
  Queue asked_;  // let go or asked, the oldest first
  std::array<Lane, UpstreamSet::kCapacity> lanes_;
  int lanes_in_use_ = 0;
  uint32_t accepts_ = UINT32_MAX;
  int64_t shown_window_ = 0, shown_rate_ = 0;
};

}  // namespace sluice
