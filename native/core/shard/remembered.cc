#include "core/shard/remembered.h"

#include <algorithm>
#include <utility>

#include "core/base/buffer_image.h"
#include "core/relay/own_output.h"

namespace sluice {
namespace {

constexpr uint32_t kT2Ms = 4000;             // RFC 3261 17.1.2.2
constexpr size_t kExpiriesPerTick = 2048;

}  // namespace

Remembered::Remembered(Ground& ground, Outbox& outbox, Responder& responder) noexcept
    : ground_(ground),
      outbox_(outbox),
      responder_(responder),
      table_(ground.config.table_key, ground.config.limits.max_pending),
      shares_(derive(ground.config.table_key, "pending shares")),
      octets_(derive(ground.config.table_key, "pending shares")),
      wheel_(nodes_, ground.clock.tick()) {}

Remembered::~Remembered() noexcept {
  table_.each([&](Pending& entry) {
    give_back(ground_.pool, entry.sent);
    log_of(entry).give_back(entry.answer);
  });
}

void Remembered::add(const Request& request, Text head, Text body) noexcept {
  if (table_.find(request.key) != 0) return;  // a retransmission
  Counters& counters = ground_.counters;
  const uint16_t share = request.client == nullptr ? uint16_t{0} : shares_.place_of(*request.client);
  const uint32_t index = has_room(share) ? table_.open(request.key) : 0;
  if (index == 0) return counters.add(Counter::pending_refused);
  Pending& entry = table_.at(index);
  const bool repeats = request.roles & kPending_repeat;
  if (!append(ground_.pool, entry.sent, head) || (repeats && !body.empty() && !append(ground_.pool, entry.sent, body))) {
    give_back(ground_.pool, entry.sent);
    table_.close(index, nullptr);
    return counters.add(Counter::pending_refused);
  }
  entry.share = share;
  shares_.take(share);
  entry.roles = request.roles;
  entry.method = request.method;
  entry.listener = request.listener;
  entry.to = request.to;
  entry.ends = ground_.branch_end();
  if (request.flow != 0) table_.wait_on(index, request.flow, &ground_.flows.at(request.flow).pending);
  entry.interval_ms = ground_.config.t1_ms;
  wheel_.arm(index, repeats ? ground_.clock.ticks_from_now(entry.interval_ms) : entry.ends - ground_.clock.tick());
  counters.add(Counter::pending);
}

// Once the table is half full, no source may have more than an eighth of it.
bool Remembered::has_room(uint16_t share) const noexcept {
  const uint32_t most = ground_.config.limits.max_pending;
  return share == 0 || table_.size() <= most / 2 || shares_.held(share) < most / 8 + 1;
}

void Remembered::drop(uint64_t key) noexcept {
  if (const uint32_t index = table_.find(key); index != 0) forget(index);
}

void Remembered::forget(uint32_t index) noexcept {
  Pending& entry = table_.at(index);
  shares_.give(entry.share);
  give_back(ground_.pool, entry.sent);
  forget_answer(entry);
  wheel_.cancel(index);
  table_.close(index, head_of(entry));
  ground_.counters.add(Counter::pending, -1);
}

// Whose octets a response is: the client's that asked or, where the core did, the client's that has answered.
uint16_t Remembered::payer_of(const Pending& entry) const noexcept {
  return entry.share != 0 || entry.flow == 0 ? entry.share : octets_.place_of(ground_.flows.at(entry.flow).remote);
}

void Remembered::forget_answer(Pending& entry) noexcept {
  octets_.give(entry.payer, static_cast<uint32_t>(entry.answer.size()));
  log_of(entry).give_back(std::exchange(entry.answer, Text()));
}

// Instead of what was kept before. False: there is no room, then nothing is kept. Once the log is half full, no source may have more than an
// eighth of it; when it is full, the oldest final responses make room for a new one.
bool Remembered::keep_answer(Pending& entry, PendingState state, Text head, Text body) noexcept {
  const uint16_t payer = payer_of(entry);
  forget_answer(entry);
  entry.state = state;
  OctetLog& log = log_of(entry);
  const size_t octets = head.size() + body.size();
  if (octets > OctetLog::kMostKept || (payer != 0 && log.is_over_half() && octets_.held(payer) + octets > log.most() / 8)) return false;
  entry.answer = log.keep(head, body);
  while (entry.answer.empty() && state == PendingState::completed && forget_oldest(entry)) entry.answer = log.keep(head, body);
  if (entry.answer.empty()) return false;
  entry.payer = payer;
  octets_.take(payer, static_cast<uint32_t>(octets));
  return true;
}

void Remembered::answered(uint64_t key, int status, Text head, Text body) noexcept {
  const uint32_t index = table_.find(key);
  if (index == 0) return;
  Pending& entry = table_.at(index);
  if (entry.state == PendingState::completed) return;
  if (status < 200) {
    entry.state = PendingState::proceeding;
    if (entry.method == Method::invite) {
      const uint32_t rings = answer_wait(ground_.config, entry.method);
      entry.ends = ground_.clock.tick() + rings;
      wheel_.arm(index, rings);
    }
    // A client that retransmits its INVITE during ringing gets the last provisional response again (RFC 3261 17.2.1, RFC 3581 3).
    if ((entry.roles & kPending_replay) && status > 100) keep_answer(entry, PendingState::proceeding, head, body);
    return;
  }
  if ((entry.roles & kPending_replay) == 0) return forget(index);
  // RFC 3261 17.2.2: the sender may not have received it, and since it came over a reliable hop only we can send it again.
  give_back(ground_.pool, entry.sent);
  if (!keep_answer(entry, PendingState::completed, head, body)) return forget(index);
  if (entry.flow != 0) table_.leave(index, head_of(entry));
  wheel_.arm(index, Clock::ticks(uint64_t{ground_.config.branch_seconds} * 1000));
  completed(index);
}

// Remembered responses are worth less than requests that are still waiting: the oldest make room. Nobody has touched those since, nor what stands
// beside them in the wheel.
void Remembered::completed(uint32_t index) noexcept {
  constexpr size_t kNear = 2;
  constexpr size_t kFar = 4;
  const Pending& newest = table_.at(index);
  completed_.push_back(newest.key);
  const size_t most = ground_.config.limits.max_pending / 4 + 1;
  if (completed_.size() <= most) return;
  if (most > kFar) {
    table_.fetch(completed_[kFar]);
    if (const uint32_t next = table_.find(completed_[kNear]); next != 0) wheel_.fetch_beside(next);
  }
  while (completed_.size() > most) forget_front(newest);
}

// False: none is left but `newest`.
bool Remembered::forget_oldest(const Pending& newest) noexcept {
  while (!completed_.empty())
    if (forget_front(newest)) return true;
  return false;
}

// False: that one was forgotten before.
bool Remembered::forget_front(const Pending& newest) noexcept {
  const uint32_t oldest = table_.find(completed_.front());
  completed_.pop_front();
  if (oldest == 0 || &table_.at(oldest) == &newest || table_.at(oldest).state != PendingState::completed) return false;
  ground_.counters.add(Counter::responses_forgotten);
  forget(oldest);
  return true;
}

bool Remembered::is_retransmission(uint64_t key, Text branch) noexcept {
  const uint32_t index = table_.find(key);
  if (index == 0) return false;
  Pending& entry = table_.at(index);
  if ((entry.roles & kPending_replay) == 0) return false;
  ground_.counters.add(Counter::absorbed);
  ReturnPath back;
  if (entry.answer.empty() || !read_own_branch(branch, back)) return true;
  const Text octets = outbox_.copied(entry.answer);
  if (!octets.empty()) responder_.send_back(back, octets, Text(), false);
  return true;
}

void Remembered::answer(uint32_t index, int status) noexcept {
  Pending& entry = table_.at(index);
  if (entry.sent == nullptr || entry.state == PendingState::completed) return;
  if (scan_own_output(entry.sent->text(), *ground_.spare)) responder_.answer_sent(*ground_.spare, status);
}

void Remembered::flow_is_gone(uint32_t slot) noexcept {
  Flow& flow = ground_.flows.at(slot);
  while (flow.pending != 0) {
    const uint32_t index = flow.pending;
    answer(index, 430);
    forget(index);
  }
}

void Remembered::tick() noexcept {
  wheel_.advance(ground_.clock.tick(), kExpiriesPerTick, [this](uint32_t index) { due(index); });
}

void Remembered::due(uint32_t index) noexcept {
  Pending& entry = table_.at(index);
  const bool invite = entry.method == Method::invite;
  const bool repeats = (entry.roles & kPending_repeat) && entry.state != PendingState::completed &&
                       (entry.state == PendingState::trying || !invite);
  if (ground_.clock.reached(entry.ends) || !repeats) {
    // RFC 4320 4.2: only an INVITE may be answered with 408.
    if (repeats && invite) answer(index, 408);
    return forget(index);
  }
  const Text octets = outbox_.copied(entry.sent->text());
  if (!octets.empty()) {
    ground_.counters.add(Counter::retransmissions);
    outbox_.datagram(entry.listener, entry.to, octets);
  }
  entry.interval_ms *= 2;
  if (!invite && (entry.interval_ms > kT2Ms || entry.state == PendingState::proceeding)) entry.interval_ms = kT2Ms;
  wheel_.arm(index, std::min(ground_.clock.ticks_from_now(entry.interval_ms), entry.ends - ground_.clock.tick()));
}

namespace {

template <typename Image, typename AnyPending>
void describe_pending(Image& image, AnyPending& entry) noexcept {
  image.fields(entry.key, entry.timer.due, entry.flow, entry.interval_ms, entry.ends, entry.listener, entry.share, entry.roles, entry.state, entry.method, entry.to);
}

}  // namespace

void Remembered::freeze_one(ImageWriter& image, const Pending& entry) noexcept {
  describe_pending(image, entry);
  put_buffer(image, entry.sent);
  image.text(entry.answer);
}

void Remembered::freeze_completed(ImageWriter& image) const noexcept {
  image.count(completed_.size());
  for (const uint64_t key : completed_) image.fields(key);
}

void Remembered::adopt(ImageReader& image) noexcept {
  table_.set_capacity(UINT32_MAX);  // those that are there stay, whatever the limit is now
  for (uint32_t left = image.count(sizeof(uint64_t)); left > 0 && image.good(); --left) adopt_one(image);
  look_at_limits();
  for (uint32_t left = image.count(sizeof(uint64_t)); left > 0; --left) {
    uint64_t key = 0;
    image.fields(key);
    if (table_.find(key) != 0) completed_.push_back(key);
  }
}

void Remembered::adopt_one(ImageReader& image) noexcept {
  Pending read;
  describe_pending(image, read);
  const Text sent = image.text();
  const Text answer = image.text();
  const bool repeats = (read.roles & kPending_repeat) && read.state != PendingState::completed;
  image.expect(read.state <= PendingState::completed && read.listener < ground_.config.listeners.size() && read.share < PendingShares::kPlaces,
               "a pending request is out of range");
  image.expect(!image.good() || !repeats || (!sent.empty() && !is_stream(ground_.config.listeners[read.listener].transport)), "a request that is repeated has no octets, or no socket");
  image.expect(read.flow == 0 || ground_.flows.open_at(read.flow) != nullptr, "a request waits on no flow");
  if (!image.good()) return;
  const uint32_t index = table_.open(read.key);
  Pending& entry = table_.at(index);
  const uint32_t flow = std::exchange(read.flow, 0);
  const uint32_t due = std::exchange(read.timer.due, 0);
  const uint32_t chain = entry.chain;
  entry = read;
  entry.chain = chain;
  shares_.take(entry.share);
  if (flow != 0) table_.wait_on(index, flow, &ground_.flows.at(flow).pending);
  const uint32_t now = ground_.clock.tick();
  wheel_.arm(index, static_cast<int32_t>(due - now) > 0 ? due - now : 1);
  ground_.counters.add(Counter::pending);
  if (!sent.empty() && !append(ground_.pool, entry.sent, sent)) return image.fail("it holds more octets than a shard may");
  // Responses have a bound of their own; without one this is what it is while we run.
  if (!answer.empty() && !keep_answer(entry, entry.state, answer, Text()) && entry.state == PendingState::completed) forget(index);
}

}  // namespace sluice
