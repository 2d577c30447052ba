#include "core/relay/admission.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sluice {
namespace {

constexpr uint64_t kStormSecond = kSecond;
// An upstream that has not answered in 8 T1 has lost the request, or is not going to answer in time.
constexpr uint64_t kUpstreamSilent = 4 * kStormSecond;
constexpr uint32_t kMostLooks = 4'096;  // a tick
// An answer to one that was passed over still counts until the client has given up (Timer F).
constexpr uint64_t kLongestPassed = 32 * kStormSecond;
constexpr uint32_t kMostPassed = 16'384;
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
constexpr double kLongestOfTwice = 16;
constexpr RankAllowance kRankAllowances[] = {{8, 7}, {8, 8}, {kLongestOfTwice, 8}, {8, 7}, {4, 6}, {4, 5}};
// Who was told twice goes before those who were told once for so long after the time that it was told.
constexpr uint32_t kTwiceFor = 32;  // seconds
// A phone that comes later than that after its time is one like any other. Until then it may have been away, and may have registered.
constexpr uint32_t kPromiseFor = kLongestPause;
// In an image, whose numbers of ranks are older than `twice`.
constexpr uint8_t kImageOfRank[] = {0, 1, 2, 2, 3, 4};
constexpr Rank kRankOfImage[] = {Rank::urgent, Rank::registered, Rank::told, Rank::known, Rank::first};

// Of the octets that a rank may use, the last eighth is for sources that have few waiting.
constexpr size_t kForModest = 8;
// Who goes before whom, turn by turn. Emergencies leave every second turn to the others, since whoever writes `sos` into his Contact is one;
// and one turn in eight begins at the lowest rank, so that nobody who comes back again and again keeps newcomers out.
constexpr uint32_t kTurnOfUrgent = 2, kTurnOfLowest = 8;
// A registered flow may send any number of REGISTERs, each about another address. So its source goes before others only so many times as often as
// one of them does.
constexpr uint64_t kTurnsOfRegistered = 8;
using Order = Admission::Order;
constexpr Order kUrgentFirst{Rank::urgent, Rank::registered, Rank::twice, Rank::told, Rank::known, Rank::first};
constexpr Order kUrgentLast{Rank::registered, Rank::twice, Rank::told, Rank::known, Rank::first, Rank::urgent};
constexpr Order kLowestFirst{Rank::first, Rank::known, Rank::told, Rank::twice, Rank::registered, Rank::urgent};
constexpr Order kUrgentFirstRegisteredLast{Rank::urgent, Rank::twice, Rank::told, Rank::known, Rank::first, Rank::registered};
constexpr Order kRegisteredLast{Rank::twice, Rank::told, Rank::known, Rank::first, Rank::registered, Rank::urgent};
constexpr Rank kBelowRegistered[] = {Rank::twice, Rank::told, Rank::known, Rank::first};

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
  if (is_next(request.target, request.rank) && lane.window.has_room(now)) {
    if (room_.oldest(request.target) != 0) ++lane.turn;
    if (const uint32_t index = open(request, now); index != 0) {
      lane.window.sent();
      under_way(index, State::asked, now);
    }
    phones_.took_turn(promise_of(request));
    return Answer::send;
  }
  const bool too_long = lane.window.has_shown_rate() && wait_of(request) > longest_of(request);
  return too_long ? Answer::refuse : Answer::wait;
}

// The transaction is known: a retransmission over UDP, or one that waited and was let go.
Admission::Answer Admission::come_back(uint32_t index, const Request& request, uint64_t now) noexcept {
  Entry& entry = entries_[index];
  if (entry.state == State::waiting) return Answer::absorb;
  if (entry.state == State::asked || entry.state == State::passed) return Answer::send;
  Lane& before = lanes_[static_cast<size_t>(entry.target)];
  if (now - entry.since > kLongestWait) {
    before.window.taken_back();
    end(asked_, index);
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

bool Admission::keep(const Request& request, Text head, Text body, const Bounds& bounds, uint64_t now) noexcept {
  const size_t allowed = bounds.octets / 8 * allowance_of_rank(request.rank).eighths, with_it = room_.octets() + head.size() + body.size();
  if (with_it > allowed || room_.held_by(request.source) >= bounds.of_source) return false;
  if (with_it > allowed / kForModest * (kForModest - 1) && !room_.is_modest(request.source)) return false;
  if (room_.size() >= kMost / 8 * allowance_of_rank(request.rank).eighths) return false;
  const uint32_t index = open(request, now);
  if (index == 0) return false;
  lane_of(request.target);
  if (room_.add(request.target, request.rank, request.source, head, body, index, now) == 0) return forget(index), false;
  entries_[index].state = State::waiting;
  phones_.took_turn(promise_of(request));
  counters_.add(Counter::registers_waiting);
  counters_.add(Counter::registers_waited);
  return true;
}

// A phone that comes too early is told the same again: it moves nobody else. Nor does one of a source that has been promised as much as it may have
// phones: addresses cost nothing, and each would keep all later phones away for longer.
uint32_t Admission::put_off(const Request& request, const Bounds& bounds, uint64_t now) noexcept {
  counters_.add(Counter::registers_put_off);
  const uint32_t promise = promise_of(request), second = second_of(now), told = told_when(promise, second);
  if (told > second && told - second <= kLongestPause) return told - second;
  Lane& lane = lane_of(request.target);
  const double rate = lane.window.rate();
  const uint64_t done = now + static_cast<uint64_t>(ahead_of(request.target, Rank::first) / rate * kStormSecond);
  const uint64_t free = std::max(lane.promised, done) + static_cast<uint64_t>(kStormSecond / rate);
  const uint64_t pause = std::clamp<uint64_t>((free - now + kStormSecond - 1) / kStormSecond, 1, kLongestPause);
  const uint16_t share = promises_.place_of(request.source.remote);
  if (promises_.held(share) >= bounds.of_source) return static_cast<uint32_t>(pause);
  promises_.take(share);
  has_promised_ = true;
  // Those beyond are spread over all of it.
  lane.promised = pause == kLongestPause ? now + kLongestPause * kStormSecond / 2 : free;
  phones_.told(promise, second + static_cast<uint32_t>(pause), told != 0);
  return static_cast<uint32_t>(pause);
}

// What a phone was told counts for it where it was told. Anybody can be refused in its name: by the address of record alone, that would take its
// rank and its turns away, and tell it his time. 0: nobody.
uint32_t Admission::promise_of(uint32_t phone, const Address& from) const noexcept {
  return phone == 0 ? 0 : phone ^ promises_.place_of(from) * 0x9E37'79B1u;
}

// When it is to come back, or was; 0: it was told nothing, or long ago.
uint32_t Admission::told_when(uint32_t promise, uint32_t second) const noexcept {
  const uint32_t told = phones_.comes_back(promise);
  return second > told + kPromiseFor ? 0 : told;
}

void Admission::turned_away(uint32_t phone, const Address& from, uint64_t now) noexcept {
  const uint32_t promise = promise_of(phone, from), second = second_of(now);
  phones_.told(promise, second, told_when(promise, second) != 0);
  has_promised_ = true;
}

Rank Admission::rank_of(uint32_t phone, const Address& from, uint64_t now) const noexcept {
  const uint32_t promise = promise_of(phone, from), second = second_of(now), told = told_when(promise, second);
  if (told == 0) return phones_.knows(phone) ? Rank::known : Rank::first;
  if (told > second + 1) return Rank::first;
  return phones_.turns(promise) > 0 && second <= told + kTwiceFor ? Rank::twice : Rank::told;
}

void Admission::answered(uint64_t key, bool refused, uint64_t now) noexcept {
  const uint32_t index = chains_.find(key);
  if (index == 0) return;
  const Entry& entry = entries_[index];
  UpstreamWindow& window = lanes_[static_cast<size_t>(entry.target)].window;
  if (entry.state == State::passed) window.answered_late(entry.sent, now);
  else if (entry.state == State::asked) window.answered(now - entry.sent, refused, now);
  else return;
  end(entry.state == State::passed ? passed_ : asked_, index);
}

uint32_t Admission::open(const Request& request, uint64_t now) noexcept {
  if (size_ >= kMost) {
    if (passed_.head == 0) return 0;
    end(passed_, passed_.head);
  }
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
  entry.target = static_cast<int8_t>(request.target);
  chains_.add(index, request.key);
  return index;
}

void Admission::forget(uint32_t index) noexcept {
  chains_.remove(index);
  Entry& entry = entries_[index];
  entry.state = State::free;
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

void Admission::end(Queue& queue, uint32_t index) noexcept {
  unlink(queue, index);
  forget(index);
}

void Admission::under_way(uint32_t index, State state, uint64_t now) noexcept {
  Entry& entry = entries_[index];
  entry.state = state;
  entry.sent = now;
  push(asked_, index);
}

void Admission::leave(uint32_t place) noexcept {
  room_.remove(place);
  counters_.add(Counter::registers_waiting, -1);
}

// What has waited too long goes too: it is answered when it comes back.
uint32_t Admission::next_of(int target, uint64_t now) noexcept {
  const uint32_t oldest = room_.oldest(target);
  if (oldest == 0) return 0;
  Lane& lane = lanes_[static_cast<size_t>(target)];
  if (!lane.health.is_alive || now - room_.at(oldest).since > kLongestWait) return oldest;
  if (!lane.window.has_room(now)) return 0;
  for (const Rank rank : order_of(target))
    if (const uint32_t place = room_.next(target, rank); place != 0) return place;
  return 0;
}

uint32_t Admission::sources_below_registered(int target) const noexcept {
  uint32_t count = 0;
  for (const Rank rank : kBelowRegistered) count += room_.sources(target, rank);
  return count;
}

const Order& Admission::order_of(int target) const noexcept {
  const uint32_t turn = lanes_[static_cast<size_t>(target)].turn;
  if (turn % kTurnOfLowest == kTurnOfLowest - 1) return kLowestFirst;
  const uint64_t registered = room_.sources(target, Rank::registered) * kTurnsOfRegistered;
  const bool yields = turn % std::max<uint64_t>(registered + sources_below_registered(target), 1) >= registered;
  if (turn % kTurnOfUrgent != 0) return yields ? kRegisteredLast : kUrgentLast;
  return yields ? kUrgentFirstRegisteredLast : kUrgentFirst;
}

// Of those that wait, nobody goes before one that has just come.
bool Admission::is_next(int target, Rank rank) const noexcept {
  if (room_.oldest(target) == 0) return true;
  for (const Rank before : order_of(target)) {
    if (room_.next(target, before) != 0) return false;
    if (before == rank) return true;
  }
  return false;
}

uint32_t Admission::ahead_of(int target, Rank rank) const noexcept {
  uint32_t count = 0;
  for (size_t i = 0; i <= static_cast<size_t>(rank); ++i) count += room_.waiting(target, static_cast<Rank>(i));
  return count;
}

// In seconds. Of its own rank, as many of each source go before it as wait of its source; an emergency goes every second time, and each of
// the others waits for as many of them as there are turns.
double Admission::wait_of(const Request& request) noexcept {
  const int target = request.target;
  const uint32_t own = room_.ahead_of(target, request.rank, request.source), urgent = room_.waiting(target, Rank::urgent);
  uint32_t ahead = own;
  if (request.rank == Rank::urgent) {
    ahead += std::min(own, ahead_of(target, Rank::first) - urgent);
  } else {
    const uint32_t registered = room_.waiting(target, Rank::registered);
    // So many turns of theirs come to so many of the others.
    const uint64_t turns = std::max(room_.sources(target, Rank::registered), 1u) * kTurnsOfRegistered, others = std::max(sources_below_registered(target), 1u);
    if (request.rank == Rank::registered) {
      ahead += static_cast<uint32_t>(std::min<uint64_t>(ahead_of(target, Rank::first) - registered - urgent, own * others / turns));
    } else {
      ahead += ahead_of(target, request.rank) - room_.waiting(target, request.rank) - registered - urgent;
      ahead += static_cast<uint32_t>(std::min<uint64_t>(registered, (ahead + uint64_t{1}) * turns / others));
    }
    ahead += std::min(ahead, urgent);
  }
  if (request.rank == Rank::first) ahead = std::min(ahead, own * kTurnOfLowest);
  return ahead / lanes_[static_cast<size_t>(target)].window.rate();
}

// A phone that was told twice is not told a third time as long as it can be avoided, whatever its rank.
double Admission::longest_of(const Request& request) const noexcept {
  const double own = allowance_of_rank(request.rank).seconds;
  return phones_.turns(promise_of(request)) > 0 ? std::max(own, kLongestOfTwice) : own;
}

// One that later ones have overtaken, or a probe, was dropped: it says nothing of the upstream, and takes no room from others any more.
void Admission::give_up_silent(uint64_t now) noexcept {
  for (int target = 0; target < lanes_in_use_; ++target) lanes_[static_cast<size_t>(target)].is_doubted = false;
  while (passed_.head != 0 && (passed_.size > kMostPassed || now - entries_[passed_.head].sent > kLongestPassed)) end(passed_, passed_.head);
  uint32_t next = asked_.head;
  for (uint32_t looked = 0; next != 0 && looked < kMostLooks; ++looked) {
    const uint32_t index = next;
    const Entry& entry = entries_[index];
    next = entry.next;
    const uint64_t silent = now - entry.sent;
    if (silent <= UpstreamWindow::kLate) return;
    Lane& lane = lanes_[static_cast<size_t>(entry.target)];
    const bool is_asked = entry.state == State::asked;
    const bool was_dropped = lane.window.has_overtaken(entry.sent) || (entry.sent < lane.health.proven && !lane.window.is_lagging(now));
    if (is_asked && was_dropped && silent > lane.window.late_after()) {
      if (lane.health.is_late) lane.window.missed(now);
      else lane.window.passed_over(room_.oldest(entry.target) != 0);
      pass_over(index);
      continue;
    }
    if (silent <= kUpstreamSilent) {
      lane.is_doubted = lane.is_doubted || is_asked;
      continue;
    }
    if (is_asked) {
      lane.window.missed(now);
      counters_.add(Counter::registers_unanswered);
    } else {
      lane.window.taken_back();
    }
    end(asked_, index);
  }
}

void Admission::pass_over(uint32_t index) noexcept {
  counters_.add(Counter::registers_unanswered);
  unlink(asked_, index);
  entries_[index].state = State::passed;
  push(passed_, index);
}

// True: it has become busy, or calm.
bool Admission::look_at(int target, uint64_t now) noexcept {
  Lane& lane = lanes_[static_cast<size_t>(target)];
  const bool waits = room_.oldest(target) != 0;
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
    is_long = is_long || (lane.window.has_shown_rate() && ahead_of(i, Rank::first) / lane.window.rate() > allowance_of_rank(Rank::first).seconds);
    window += lane.window.window();
    if (lane.is_busy) rate += lane.window.rate();
  }
  if (has_promised_ && std::none_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.is_busy; })) {
    promises_.clear();
    has_promised_ = false;
  }
  accepts_ = is_long ? std::max(kLeastAccepts, static_cast<uint32_t>(rate * kAcceptsShare)) : UINT32_MAX;
  const auto show = [&](Counter counter, int64_t now, int64_t& before) { counters_.add(counter, now - std::exchange(before, now)); };
  show(Counter::register_window, static_cast<int64_t>(window), shown_.window);
  show(Counter::register_rate, static_cast<int64_t>(rate), shown_.rate);
  show(Counter::register_sources, room_.sources(), shown_.sources);
  show(Counter::registers_passed, passed_.size, shown_.passed);
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
  for (Entry& entry : entries_) {
    if (entry.state == State::free || entry.target < 0) continue;
    const int now = to[static_cast<size_t>(entry.target)];
    if (now < 0 && (entry.state == State::let_go || entry.state == State::asked)) lanes_[0].window.sent();
    entry.target = static_cast<int8_t>(std::max(now, 0));
  }
  for (int& one : to) one = std::max(one, 0);
  room_.move(to);
  lanes_in_use_ = std::max(size, 1);
}

void Admission::freeze(ImageWriter& image) const noexcept {
  image.count(room_.size());
  for (int target = 0; target < lanes_in_use_; ++target) {
    room_.each(target, [&](const Waiting& waiting) {
      image.fields(entries_[waiting.entry].link.hash, waiting.lane, kImageOfRank[static_cast<size_t>(waiting.rank)], waiting.since);
      describe_source(image, waiting.source);
      image.text(waiting.octets.text());
    });
  }
}

void Admission::adopt(ImageReader& image, const EdgeConfig& config, int targets) noexcept {
  constexpr Bounds kAnyNumber{SIZE_MAX, UINT32_MAX};
  for (uint32_t left = image.count(sizeof(uint64_t)); left > 0; --left) {
    Source source;
    Request request{.source = source};
    int8_t target = 0;
    uint64_t since = 0;
    uint8_t rank = 0;
    image.fields(request.key, target, rank, since);
    describe_source(image, source);
    const Text octets = image.text();
    image.expect(rank < std::size(kRankOfImage) && is_in_range(config, source) && !octets.empty(), "a REGISTER that waits is out of range");
    if (!image.good()) return;
    request.rank = kRankOfImage[rank];
    // One whose upstream is gone joins the first.
    request.target = target >= 0 && target < targets ? target : 0;
    if (chains_.find(request.key) == 0) keep(request, octets, Text(), kAnyNumber, since);
  }
}

void Admission::let_go() noexcept {
  for (int target = 0; target < lanes_in_use_; ++target) {
    while (const uint32_t place = room_.oldest(target)) {
      const uint32_t index = room_.at(place).entry;
      leave(place);
      forget(index);
    }
  }
}

}  // namespace sluice
