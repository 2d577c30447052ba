// Remembered requests: 430 when the flow dies that they wait on, sending again over unreliable hops, repeating final answers.
#include "core/shard/shard.h"

namespace sluice {
namespace {

constexpr uint32_t kT2Ms = 4000;             // RFC 3261 17.1.2.2
constexpr uint32_t kTimerCSeconds = 200;     // above the three minutes that a call may ring (RFC 3261 16.6 step 11)

}  // namespace

Text Shard::copied(Text octets) noexcept {
  Writer out = scratch();
  out.put(octets);
  scratch_used_ += out.size();
  return out.text();
}

void Shard::remember(uint64_t key, uint8_t roles, Method method, uint32_t flow, uint16_t listener, const Address& to, Text head,
                     Text body) noexcept {
  if (pending_.find(key) != 0) return;  // a retransmission
  const uint32_t index = pending_.open(key);
  if (index == 0) return counters_.add(Counter::pending_refused);
  Pending& entry = pending_.at(index);
  const bool whole = roles & kPending_repeat;
  if (!append(pool_, entry.sent, head) || (whole && !body.empty() && !append(pool_, entry.sent, body))) {
    give_back(pool_, entry.sent);
    pending_.close(index, nullptr);
    return counters_.add(Counter::pending_refused);
  }
  entry.roles = roles;
  entry.method = method;
  entry.listener = listener;
  entry.to = to;
  entry.ends = now_tick_ + ticks(uint64_t{config_.branch_seconds} * 1000);
  if (flow != 0) pending_.wait_on(index, flow, &flows_.at(flow).pending);
  entry.interval_ms = config_.t1_ms;
  arm_pending(index, roles & kPending_repeat ? ticks(entry.interval_ms) : entry.ends - now_tick_);
  counters_.add(Counter::pending);
}

void Shard::forget(uint32_t index) noexcept {
  Pending& entry = pending_.at(index);
  give_back(pool_, entry.sent);
  give_back(pool_, entry.answer);
  disarm_pending(index);
  pending_.close(index, entry.flow != 0 ? &flows_.at(entry.flow).pending : nullptr);
  counters_.add(Counter::pending, -1);
}

void Shard::answered(uint64_t key, int status, Text head, Text body) noexcept {
  const uint32_t index = pending_.find(key);
  if (index == 0) return;
  Pending& entry = pending_.at(index);
  if (entry.state == PendingState::completed) return;
  if (status < 200) {
    entry.state = PendingState::proceeding;
    if (entry.method == Method::invite) {
      entry.ends = now_tick_ + ticks(kTimerCSeconds * 1000);
      arm_pending(index, entry.ends - now_tick_);
    }
    // A client that sends its INVITE again while it rings hears the last of them again (RFC 3261 17.2.1, RFC 3581 3).
    if ((entry.roles & kPending_replay) && status > 100) {
      give_back(pool_, entry.answer);
      if (!append(pool_, entry.answer, head) || (!body.empty() && !append(pool_, entry.answer, body))) give_back(pool_, entry.answer);
    }
    return;
  }
  if ((entry.roles & kPending_replay) == 0) return forget(index);
  // RFC 3261 17.2.2: the sender may not have got it; over a reliable hop nobody but us can send it again.
  give_back(pool_, entry.sent);
  give_back(pool_, entry.answer);
  if (!append(pool_, entry.answer, head) || (!body.empty() && !append(pool_, entry.answer, body))) return forget(index);
  if (entry.flow != 0) pending_.leave(index, &flows_.at(entry.flow).pending);
  entry.state = PendingState::completed;
  arm_pending(index, ticks(uint64_t{config_.branch_seconds} * 1000));
  // Remembered answers are worth less than requests that still wait: the oldest make room.
  const size_t most = config_.limits.max_pending / 4 + 1;
  if (completed_.size() < most) {
    completed_.push_back(key);
    return;
  }
  const uint32_t oldest = pending_.find(completed_[completed_at_]);
  if (oldest != 0 && oldest != index && pending_.at(oldest).state == PendingState::completed) forget(oldest);
  completed_[completed_at_] = key;
  completed_at_ = (completed_at_ + 1) % most;
}

bool Shard::is_retransmission(uint64_t key, Text branch) noexcept {
  const uint32_t index = pending_.find(key);
  if (index == 0) return false;
  Pending& entry = pending_.at(index);
  if ((entry.roles & kPending_replay) == 0) return false;
  counters_.add(Counter::absorbed);
  ReturnPath back;
  if (entry.answer != nullptr && read_own_branch(branch, back)) send_back(back, copied(entry.answer->text()), Text(), false);
  return true;
}

void Shard::answer_pending(uint32_t index, int status) noexcept {
  Pending& entry = pending_.at(index);
  if (entry.sent == nullptr || entry.state == PendingState::completed) return;
  const Text sent = entry.sent->text();
  const size_t head = find_head_end(sent.data(), sent.size(), 0);
  if (scan(sent.data(), sent.size(), head, Carrier::stream, config_.limits.scan, *spare_) == ScanError::none ||
      spare_->error == ScanError::no_content_length)
    answer_sent(*spare_, status);
}

void Shard::pending_due(uint32_t index) noexcept {
  Pending& entry = pending_.at(index);
  const bool invite = entry.method == Method::invite;
  const bool over = static_cast<int32_t>(now_tick_ - entry.ends) >= 0;
  const bool repeats = (entry.roles & kPending_repeat) && entry.state != PendingState::completed &&
                       (entry.state == PendingState::trying || !invite);
  if (over || !repeats) {
    // RFC 4320 4.2: only an INVITE may be answered by 408.
    if (repeats && invite) answer_pending(index, 408);
    return forget(index);
  }
  counters_.add(Counter::retransmissions);
  datagrams_[entry.listener].add(entry.to, copied(entry.sent->text()), Text(), counters_);
  entry.interval_ms *= 2;
  if (!invite && (entry.interval_ms > kT2Ms || entry.state == PendingState::proceeding)) entry.interval_ms = kT2Ms;
  const uint32_t left = entry.ends - now_tick_;
  const uint32_t wait = ticks(entry.interval_ms);
  arm_pending(index, wait < left ? wait : left);
}

}  // namespace sluice
