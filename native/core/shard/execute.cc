// Carrying the verdicts of a batch out, and the memory and sending of a turn.
#include "core/shard/shard.h"

namespace sluice {
namespace {

constexpr size_t kHeadRoom = 4096;     // what a relayed head may grow by
constexpr size_t kCopiedBody = 1024;   // a shorter body is cheaper to copy than to describe to the kernel

Text phrase_of(int32_t error) noexcept {
  static constexpr Text kPhrases[] = {
#define SLUICE_SCAN_ERROR(name, status, reason) reason,
#include "core/base/layout.def"
  };
  return error > 0 && static_cast<size_t>(error) < sizeof kPhrases / sizeof *kPhrases ? kPhrases[error] : Text();
}

}  // namespace

Writer Shard::scratch() noexcept {
  constexpr size_t kLargest = 65'536 + kHeadRoom + kCopiedBody;
  if (kScratch - scratch_used_ < kLargest) {
    flush();
    scratch_used_ = 0;
  }
  return Writer(scratch_.get() + scratch_used_, kScratch - scratch_used_);
}

// The head's octets, with a short body behind them; `body` is then empty, else it stays what the kernel is pointed at.
Text Shard::finished(const Writer& head, Text& body) noexcept {
  scratch_used_ += head.size();
  Text octets = head.text();
  if (body.empty() || body.size() > kCopiedBody) return octets;
  Writer tail(scratch_.get() + scratch_used_, kScratch - scratch_used_);
  tail.put(body);
  scratch_used_ += body.size();
  octets = Text(octets.data(), octets.size() + body.size());
  body = Text();
  return octets;
}

void Shard::flush() noexcept {
  for (DatagramQueue& queue : datagrams_)
    if (queue.fd() >= 0) queue.flush(counters_);
  streams_.flush();
}

void Shard::execute() noexcept {
  for (unsigned i = 0; i < count_; ++i) {
    const int32_t* verdict = &verdicts_[i * k_verdict_fields];
    switch (static_cast<Action>(verdict[kVerdict_action])) {
      case Action::relay_upstream:
      case Action::relay_to_flow:
      case Action::relay_to_hop:
        if (items_[i].message.is_request) relay_request(i);
        break;
      case Action::relay_response:
        if (!items_[i].message.is_request) relay_response(i);
        break;
      case Action::reply: {
        if (!items_[i].message.is_request) break;
        const CustomReply* custom = nullptr;
        for (const CustomReply& given : custom_)
          if (given.item == static_cast<int>(i)) custom = &given;
        if (custom != nullptr) {
          reply(i, custom->status, Text(custom->reason.data(), custom->reason.size()), 0, Text(custom->headers.data(), custom->headers.size()));
        } else {
          reply(i, verdict[kVerdict_status], phrase_of(verdict[kVerdict_reason]), static_cast<uint32_t>(verdict[kVerdict_retry_after]));
        }
        break;
      }
      case Action::object:
        hand_to_object_path(i);
        break;
      case Action::drop:
      default:
        counters_.add(Counter::dropped);
        break;
    }
  }
  count_ = 0;
  flush();
  close_failed();
  flush();  // what the closing of flows had to say
}

}  // namespace sluice
