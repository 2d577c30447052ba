// Which REGISTERs of clients go to the upstream now, which wait here, and which phones come back later. While the upstream answers in time,
// each goes at once. When it does not, they wait in the order of their rank; who would wait too long gets 503 and is told when the backlog
// will be done (RFC 5626 4.5, RFC 3261 21.5.4).
#pragma once

#include <array>
#include <vector>

#include "core/base/counters.h"
#include "core/base/image.h"
#include "core/relay/phone_memory.h"
#include "core/relay/upstream_window.h"
#include "core/relay/waiting_room.h"

namespace sluice {

class Admission {
 public:
  enum class Answer : uint8_t { send, wait, absorb, refuse };
  enum class LetGo : uint8_t { sent, gone, later };

  struct Request {
    uint64_t key = 0;  // of its transaction
    int target = 0;    // upstream
    Rank rank = Rank::first;
    const Source& source;
    uint32_t phone = 0;  // 0: unknown
  };
  using Waiting = WaitingRoom::Place;
  // What is known of an upstream beside its answers.
  struct Health {
    bool is_alive = true;
    bool is_late = false;  // it has lately lost or delayed probes
    uint64_t proven = 0;   // when the newest probe was sent that it has answered in time
  };
  struct Bounds {
    size_t octets;       // of all that wait
    uint32_t of_source;  // number, and as many that were told to come back
  };

  using Order = std::array<Rank, WaitingRoom::kRanks>;

  static constexpr uint32_t kMost = 65'536;  // REGISTERs under way or waiting, of a shard

  Admission(Counters& counters, const SipKey& key) noexcept : counters_(counters), room_(key), promises_(key), entries_(1) {}
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  // `wait`: call keep(). `refuse`: answer 503 with put_off().
  Answer ask(const Request& request, uint64_t now) noexcept;
  // False: there is no room.
  bool keep(const Request& request, Text head, Text body, const Bounds& bounds, uint64_t now) noexcept;
  // Seconds until this phone should come back.
  uint32_t put_off(const Request& request, const Bounds& bounds, uint64_t now) noexcept;
  void answered(uint64_t key, bool refused, uint64_t now) noexcept;

  void fetch(uint32_t phone) const noexcept { phones_.fetch(phone); }
  // `from`: nullptr: it is gone.
  void registered(uint32_t phone, const Address* from) noexcept {
    phones_.registered(phone);
    if (has_promised_ && from != nullptr) phones_.forget_told(promise_of(phone, *from));
  }
  // By the upstream's own 503: it goes first when it comes back from there.
  void turned_away(uint32_t phone, const Address& from, uint64_t now) noexcept;
  // Of a phone without a flow that is registered.
  Rank rank_of(uint32_t phone, const Address& from, uint64_t now) const noexcept;

  bool has_waiting() const noexcept { return room_.size() > 0; }
  // Calls `let_go(waiting)` for each that may go now; it comes back through ask().
  template <typename Fn>
  void release(uint64_t now, Fn&& let_go) noexcept {
    for (int target = 0; target < lanes_in_use_ && has_waiting(); ++target) {
      Lane& lane = lanes_[static_cast<size_t>(target)];
      while (const uint32_t place = next_of(target, now)) {
        const LetGo went = let_go(room_.at(place));
        if (went == LetGo::later) return;
        const uint32_t index = room_.at(place).entry;
        leave(place);
        ++lane.turn;
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
      if (look_at(target, now)) tell(target, lanes_[static_cast<size_t>(target)].is_busy);
    count();
  }
  // Nothing is under way or waits, and no lane has to be looked at: tick() may come later than usual.
  bool is_at_rest() const noexcept {
    if (size_ != 0) return false;
    for (int i = 0; i < lanes_in_use_; ++i)
      if (const Lane& lane = lanes_[static_cast<size_t>(i)]; lane.is_busy || lane.window.is_paced()) return false;
    return true;
  }
  // The targets have changed: `from[i]` is the earlier index of target i, -1 if it is new. What waited for one that is gone goes to the first.
  void rearrange(const std::array<int, UpstreamSet::kCapacity>& from, int size) noexcept;
  // What waits for a dead upstream goes elsewhere, or is answered.
  void know(int target, const Health& health) noexcept { lanes_[static_cast<size_t>(target)].health = health; }
  // Whether it must be asked if it is alive and in time: REGISTERs wait for it, or it owes answers.
  bool doubts(int target) const noexcept { return lanes_[static_cast<size_t>(target)].is_busy || lanes_[static_cast<size_t>(target)].is_doubted; }

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
  // passed: given up without a judgement, but an answer that comes late is still one.
  enum class State : uint8_t { free, waiting, let_go, asked, passed };

  struct Entry {
    HashLink link;
    uint64_t since = 0;  // when it came
    uint64_t sent = 0;
    uint32_t next = 0;   // in its queue, or free
    uint32_t prev = 0;
    State state = State::free;
    int8_t target = -1;
  };
  struct Queue {
    uint32_t head = 0;
    uint32_t tail = 0;
    uint32_t size = 0;
  };
  struct Lane {
    UpstreamWindow window;
    Health health;
    uint64_t promised = 0;  // until when the upstream is busy with the phones that were told to come back
    uint64_t calm = 0;      // since when none waits
    uint32_t turn = 0;      // of those that went while others waited
    bool is_busy = false;
    bool is_doubted = false;
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
  void end(Queue& queue, uint32_t index) noexcept;
  void under_way(uint32_t index, State state, uint64_t now) noexcept;
  void leave(uint32_t place) noexcept;
  uint32_t next_of(int target, uint64_t now) noexcept;
  uint32_t sources_below_registered(int target) const noexcept;
  // In which they go in this turn.
  const Order& order_of(int target) const noexcept;
  bool is_next(int target, Rank rank) const noexcept;
  Answer come_back(uint32_t index, const Request& request, uint64_t now) noexcept;
  uint32_t ahead_of(int target, Rank rank) const noexcept;
  double wait_of(const Request& request) noexcept;
  double longest_of(const Request& request) const noexcept;
  uint32_t promise_of(uint32_t phone, const Address& from) const noexcept;
  uint32_t promise_of(const Request& request) const noexcept { return promise_of(request.phone, request.source.remote); }
  uint32_t told_when(uint32_t promise, uint32_t second) const noexcept;
  void give_up_silent(uint64_t now) noexcept;
  void pass_over(uint32_t index) noexcept;
  bool look_at(int target, uint64_t now) noexcept;
  void count() noexcept;

  Counters& counters_;
  PhoneMemory phones_;
  WaitingRoom room_;
  PendingShares promises_;      // phones of each source that were told to come back, since all was calm
  bool has_promised_ = false;   // anything, since then
  std::vector<Entry> entries_;
  HashChains<Links> chains_{Links{*this}};
  uint32_t free_ = 0;
  uint32_t size_ = 0;
  Queue asked_;   // let go or asked, the oldest first
  Queue passed_;
  std::array<Lane, UpstreamSet::kCapacity> lanes_;
  int lanes_in_use_ = 0;
  uint32_t accepts_ = UINT32_MAX;
  struct {
    int64_t window = 0, rate = 0, sources = 0, passed = 0;
  } shown_;  // by the counters
};

}  // namespace sluice
