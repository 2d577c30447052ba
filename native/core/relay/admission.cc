#include "core/relay/admission.h"

#include <algorithm>
#include <new>
#include <utility>

namespace sluice {
namespace {

constexpr uint64_t kStormSecond = UpstreamWindow::kSecond;
// An upstream that has not answered in 8 T1 has lost the request, or is not going to answer in time.
constexpr uint64_t kUpstreamSilent = 4 * kStormSecond;
constexpr uint64_t kUpstreamLate = kStormSecond;
constexpr uint32_t kMostLooks = 4'096;  // a tick
// A phone gives up after 64 T1 (RFC 3261 17.1.2.2), and needs time for the answer.
constexpr uint64_t kLongestWait = 20 * kStormSecond;
constexpr uint64_t kCalmAfter = 5 * kStormSecond;
constexpr uint32_t kLongestPause = 1800;  // seconds
constexpr uint32_t kLeastAccepts = 8;     // a tick
constexpr double kAcceptsShare = 1.25 * 0.05;  // of what the upstream answers in a second, each tick

struct RankAllowance {
  double seconds;  // that it may wait behind others
  size_t eighths;  // of the octets: those of lower rank leave room for the others
};
constexpr RankAllowance kRankAllowances[] = {{1e9, 8}, {8, 8}, {8, 7}, {4, 6}, {4, 5}};

const RankAllowance& allowance_of_rank(Rank rank) noexcept { return kRankAllowances[static_cast<size_t>(rank)]; }
uint32_t second_of(uint64_t now) noexcept { return static_cast<uint32_t>(now / kStormSecond); }

}  // namespace

Admission::Lane& Admission::lane_of(int target) noexcept {
  lanes_in_use_ = std::max(lanes_in_use_, target + 1);
  return lanes_[static_cast<size_t>(target)];
}

Admission::Answer Admission::ask(const Request& request, uint64_t now) noexcept {
  if (const uint32_t index = chains_.find(request.key); index != 0) return come_back(index, request, now);
  Lane& lane = lane_of(request.target);
  if (ahead_of(lane, request.rank) == 0 && lane.window.has_room(now)) {
    if (const uint32_t index = open(request, now); index != 0) {
      lane.window.sent();
      under_way(index, State::asked, now);
    }
    return Answer::send;
  }
  const bool too_long = lane.window.has_shown_rate() && wait_of(lane, request.rank) > allowance_of_rank(request.rank).seconds;
  return too_long ? Answer::refuse : Answer::wait;
}

// The transaction is known: a retransmission over UDP, or one that waited and was let go.
Admission::Answer Admission::come_back(uint32_t index, const Request& request, uint64_t now) noexcept {
  Entry& entry = entries_[index];
  if (entry.state == State::waiting) return Answer::absorb;
  if (entry.state == State::asked) return Answer::send;
  Lane& before = lanes_[static_cast<size_t>(entry.target)];
  if (now - entry.since > kLongestWait) {
    before.window.taken_back();
    unlink(asked_, index);
    forget(index);
    return Answer::refuse;
  }
  unlink(asked_, index);
  if (entry.target != request.target) {
    before.window.taken_back();
    entry.target = static_cast<int8_t>(request.target);
    lane_of(request.target).window.sent();
  }
  under_way(index, State::asked, now);
  return Answer::send;
}

bool Admission::keep(const Request& request, const Source& source, Text head, Text body, const Bounds& bounds, uint64_t now) noexcept {
  const uint16_t share = shares_.place_of(source.remote);
  if (octets_ + head.size() + body.size() > bounds.octets / 8 * allowance_of_rank(request.rank).eighths || shares_.held(share) >= bounds.of_source) return false;
  auto waiting = std::unique_ptr<Waiting>(new (std::nothrow) Waiting);
  if (waiting == nullptr || !waiting->octets.keep(head, body)) return false;
  const uint32_t index = open(request, now);
  if (index == 0) return false;
  waiting->source = source;
  waiting->share = share;
  shares_.take(share);
  octets_ += waiting->octets.size();
  ++waiting_;
  Entry& entry = entries_[index];
  entry.state = State::waiting;
  entry.waiting = std::move(waiting);
  push(lane_of(request.target).queues[static_cast<size_t>(request.rank)], index);
  counters_.add(Counter::registers_waiting);
  counters_.add(Counter::registers_waited);
  return true;
}

// A phone that comes too early is told the same again: it moves nobody else.
uint32_t Admission::put_off(uint32_t phone, int target, uint64_t now) noexcept {
  counters_.add(Counter::registers_put_off);
  const uint32_t told = phones_.comes_back(phone), second = second_of(now);
  if (told > second && told - second <= kLongestPause) return told - second;
  Lane& lane = lane_of(target);
  const double rate = lane.window.rate();
  const uint64_t done = now + static_cast<uint64_t>(ahead_of(lane, Rank::first) / rate * kStormSecond);
  lane.promised = std::max(lane.promised, done) + static_cast<uint64_t>(kStormSecond / rate);
  const uint64_t pause = std::clamp<uint64_t>((lane.promised - now + kStormSecond - 1) / kStormSecond, 1, kLongestPause);
  // Those beyond are spread over all of it.
  if (pause == kLongestPause) lane.promised = now + kLongestPause * kStormSecond / 2;
  phones_.told(phone, second + static_cast<uint32_t>(pause));
  return static_cast<uint32_t>(pause);
}

Rank Admission::rank_of(uint32_t phone, uint64_t now) const noexcept {
  if (!phones_.knows(phone)) return Rank::first;
  const uint32_t told = phones_.comes_back(phone);
  return told == 0 ? Rank::known : told <= second_of(now) + 1 ? Rank::told : Rank::first;
}

void Admission::answered(uint64_t key, bool refused, uint64_t now) noexcept {
  const uint32_t index = chains_.find(key);
  if (index == 0 || entries_[index].state != State::asked) return;
  const Entry& entry = entries_[index];
  lanes_[static_cast<size_t>(entry.target)].window.answered(now - entry.sent, refused, now);
  unlink(asked_, index);
  forget(index);
}

uint32_t Admission::open(const Request& request, uint64_t now) noexcept {
  if (size_ >= kMost) return 0;
  uint32_t index = free_;
  if (index != 0) {
    free_ = entries_[index].next;
  } else {
    index = static_cast<uint32_t>(entries_.size());
    entries_.emplace_back();
  }
  ++size_;
  Entry& entry = entries_[index];
  entry.since = now;
  entry.rank = request.rank;
  entry.target = static_cast<int8_t>(request.target);
  chains_.add(index, request.key);
  return index;
}

void Admission::forget(uint32_t index) noexcept {
  chains_.remove(index);
  Entry& entry = entries_[index];
  entry.state = State::free;
  entry.waiting.reset();
  entry.next = free_;
  free_ = index;
  --size_;
}

void Admission::push(Queue& queue, uint32_t index) noexcept {
  Entry& entry = entries_[index];
  entry.prev = queue.tail;
  entry.next = 0;
  (queue.tail != 0 ? entries_[queue.tail].next : queue.head) = index;
  queue.tail = index;
  ++queue.size;
}

void Admission::unlink(Queue& queue, uint32_t index) noexcept {
  const Entry& entry = entries_[index];
  (entry.prev != 0 ? entries_[entry.prev].next : queue.head) = entry.next;
  (entry.next != 0 ? entries_[entry.next].prev : queue.tail) = entry.prev;
  --queue.size;
}

void Admission::under_way(uint32_t index, State state, uint64_t now) noexcept {
  Entry& entry = entries_[index];
  entry.state = state;
  entry.sent = now;
  push(asked_, index);
}

void Admission::leave_queue(uint32_t index) noexcept {
  Entry& entry = entries_[index];
  unlink(lanes_[static_cast<size_t>(entry.target)].queues[static_cast<size_t>(entry.rank)], index);
  --waiting_;
  octets_ -= entry.waiting->octets.size();
  shares_.give(entry.waiting->share);
  entry.waiting.reset();
  counters_.add(Counter::registers_waiting, -1);
}

// What has waited too long goes too: it is answered when it comes back.
uint32_t Admission::next_of(Lane& lane, uint64_t now) noexcept {
  for (const Queue& queue : lane.queues)
    if (queue.head != 0 && (lane.is_dead || now - entries_[queue.head].since > kLongestWait)) return queue.head;
  if (ahead_of(lane, Rank::first) == 0 || !lane.window.has_room(now)) return 0;
  for (const Queue& queue : lane.queues)
    if (queue.head != 0) return queue.head;
  return 0;
}

uint32_t Admission::ahead_of(const Lane& lane, Rank rank) noexcept {
  uint32_t count = 0;
  for (size_t i = 0; i <= static_cast<size_t>(rank); ++i) count += lane.queues[i].size;
  return count;
}

// One that was overtaken takes no room from others any more.
void Admission::give_up_silent(uint64_t now) noexcept {
  uint32_t next = asked_.head;
  for (uint32_t looked = 0; next != 0 && looked < kMostLooks; ++looked) {
    const uint32_t index = next;
    const Entry& entry = entries_[index];
    next = entry.next;
    const uint64_t silent = now - entry.sent;
    if (silent <= kUpstreamLate) return;
    UpstreamWindow& window = lanes_[static_cast<size_t>(entry.target)].window;
    if (silent <= kUpstreamSilent && !window.has_overtaken(entry.sent)) continue;
    if (entry.state == State::asked) {
      window.missed(entry.sent, now);
      counters_.add(Counter::registers_unanswered);
    } else {
      window.taken_back();
    }
    unlink(asked_, index);
    forget(index);
  }
}

// True: it has become busy, or calm.
bool Admission::look_at(Lane& lane, uint64_t now) noexcept {
  const bool waits = ahead_of(lane, Rank::first) > 0;
  lane.window.tick(waits, now);
  if (waits) lane.calm = now;
  const bool was_busy = std::exchange(lane.is_busy, waits || (lane.is_busy && now - lane.calm < kCalmAfter));
  return was_busy != lane.is_busy;
}

// Newcomers whom we would have to turn away wait in the kernel's queue instead, before their handshake.
void Admission::count() noexcept {
  bool is_long = false;
  double window = 0, rate = 0;
  for (int i = 0; i < lanes_in_use_; ++i) {
    const Lane& lane = lanes_[static_cast<size_t>(i)];
    is_long = is_long || (lane.window.has_shown_rate() && wait_of(lane, Rank::first) > allowance_of_rank(Rank::first).seconds);
    window += lane.window.window();
    if (lane.is_busy) rate += lane.window.rate();
  }
  accepts_ = is_long ? std::max(kLeastAccepts, static_cast<uint32_t>(rate * kAcceptsShare)) : UINT32_MAX;
  counters_.add(Counter::register_window, static_cast<int64_t>(window) - std::exchange(shown_window_, static_cast<int64_t>(window)));
  counters_.add(Counter::register_rate, static_cast<int64_t>(rate) - std::exchange(shown_rate_, static_cast<int64_t>(rate)));
}

void Admission::rearrange(const std::array<int, UpstreamSet::kCapacity>& from, int size) noexcept {
  std::array<Lane, UpstreamSet::kCapacity> lanes;
  std::array<int, UpstreamSet::kCapacity> to;
  to.fill(-1);
  for (size_t i = 0; i < static_cast<size_t>(size); ++i) {
    if (from[i] < 0) continue;
    lanes[i] = lanes_[static_cast<size_t>(from[i])];
    to[static_cast<size_t>(from[i])] = static_cast<int>(i);
  }
  std::swap(lanes, lanes_);
  // Those of a target that is gone join the first, which lets them go; its share of what is under way is not the first's.
  for (size_t i = 0; i < lanes.size(); ++i) {
    for (size_t rank = 0; rank < kRanks && to[i] < 0; ++rank) {
      for (uint32_t index = lanes[i].queues[rank].head, next = 0; index != 0; index = next) {
        next = entries_[index].next;
        push(lanes_[0].queues[rank], index);
      }
    }
  }
  for (Entry& entry : entries_) {
    if (entry.state == State::free || entry.target < 0) continue;
    const int now = to[static_cast<size_t>(entry.target)];
    if (now < 0 && entry.state != State::waiting) lanes_[0].window.sent();
    entry.target = static_cast<int8_t>(std::max(now, 0));
  }
  lanes_in_use_ = std::max(size, 1);
}

void Admission::freeze(ImageWriter& image) const noexcept {
  image.count(waiting_);
  for (const Lane& lane : lanes_) {
    for (const Queue& queue : lane.queues) {
      for (uint32_t index = queue.head; index != 0; index = entries_[index].next) {
        const Entry& entry = entries_[index];
        image.fields(entry.link.hash, entry.target, entry.rank, entry.since);
        describe_source(image, entry.waiting->source);
        image.text(entry.waiting->octets.text());
      }
    }
  }
}

void Admission::adopt(ImageReader& image, const EdgeConfig& config, int targets) noexcept {
  constexpr Bounds kAnyNumber{SIZE_MAX, UINT32_MAX};
  for (uint32_t left = image.count(sizeof(uint64_t)); left > 0; --left) {
    Request request;
    int8_t target = 0;
    uint64_t since = 0;
    Source source;
    image.fields(request.key, target, request.rank, since);
    describe_source(image, source);
    const Text octets = image.text();
    image.expect(request.rank <= Rank::first && is_in_range(config, source) && !octets.empty(), "a REGISTER that waits is out of range");
    if (!image.good()) return;
    // One whose upstream is gone joins the first.
    request.target = target >= 0 && target < targets ? target : 0;
    if (chains_.find(request.key) == 0) keep(request, source, octets, Text(), kAnyNumber, since);
  }
}

void Admission::let_go() noexcept {
  for (Lane& lane : lanes_) {
    for (Queue& queue : lane.queues) {
      while (const uint32_t index = queue.head) {
        leave_queue(index);
        forget(index);
      }
    }
  }
}

}  // namespace sluice
