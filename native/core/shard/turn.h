// The batch of one turn: the received messages, the octets they point into, and the numbers that the policy reads and writes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/layout.h"
#include "core/flow/flow_table.h"
#include "core/flow/kept_hand.h"
#include "core/relay/facts.h"
#include "core/sip/message.h"

namespace sluice {

struct Item {
  Message message;
  Source source;
  Facts facts;
  bool crossed;     // handed over by another shard
  bool admitted;    // before it waited for a store: the object path need not ask its caller again
  uint32_t tapped;  // tap filters that matched it
};

// A reply from the operator's own policy, given as text instead of a number.
struct CustomReply {
  int item = -1;
  int status = 0;
  std::vector<char> reason;
  std::vector<char> headers;  // whole lines with their CRLF
};

class Turn {
 public:
  static constexpr size_t kDatagram = 65'536;
  static constexpr size_t kStreamArena = KeptHand::kRoom;

  // `records` and `verdicts` hold batch_size rows and outlive this. With `home` a message that needs the object path costs thirty times as
  // much as one decided by numbers, and the shard checks the time only between batches. So batches are small, and grow while none needs it.
  Turn(int32_t* records, int32_t* verdicts, bool home) noexcept
      : home_(home),
        most_(home ? kObjectBatch : k_batch_size),
        items_(k_batch_size),
        records_(records),
        verdicts_(verdicts),
        datagrams_(new char[k_batch_size * kDatagramStride]),
        own_streams_(new char[kStreamArena]),
        streams_(own_streams_.get()) {}

  // Between turns: what is read from connections comes to lie there, in kStreamArena octets that outlive this.
  void read_into(char* arena) noexcept {
    own_streams_.reset();
    streams_ = arena;
  }

  // Discards every octet and item of the previous turn.
  void begin() noexcept {
    count_ = 0;
    datagrams_used_ = 0;
    streams_used_ = 0;
    handshakes_left_ = kHandshakes;
    custom_.clear();
  }
  void end() noexcept {
    if (home_ && objects_ > 0) most_ = kObjectBatch;
    else if (home_ && full() && most_ < kNumberBatch) most_ = most_ * 2 < kNumberBatch ? most_ * 2 : kNumberBatch;
    objects_ = 0;
    count_ = 0;
  }
  // A message of this batch went to the object path.
  void note_object() noexcept { ++objects_; }
  void drop(unsigned i) noexcept { verdicts_[i * k_verdict_fields + kVerdict_action] = static_cast<int32_t>(Action::drop); }
  // 503; it may come again after so many seconds.
  void refuse(unsigned i, uint32_t seconds) noexcept {
    int32_t* const verdict = verdicts_ + i * k_verdict_fields;
    std::memset(verdict, 0, k_verdict_fields * sizeof *verdict);
    verdict[kVerdict_action] = static_cast<int32_t>(Action::reply);
    verdict[kVerdict_status] = 503;
    verdict[kVerdict_retry_after] = static_cast<int32_t>(seconds);
  }
  void postpone(unsigned i) noexcept { verdicts_[i * k_verdict_fields + kVerdict_action] = static_cast<int32_t>(Action::postpone); }

  // So many messages the object path takes in less than 5 ms (docs/decisions/turns.md).
  static constexpr unsigned kObjectBatch = 4;

  unsigned count() const noexcept { return count_; }
  bool full() const noexcept { return count_ == most_; }
  unsigned places() const noexcept { return most_ - count_; }
  Item& item(unsigned i) noexcept { return items_[i]; }
  const Item& item(unsigned i) const noexcept { return items_[i]; }
  // Scan the next message into this; take() then adds it to the batch.
  Item& next() noexcept { return items_[count_]; }
  void take() noexcept { ++count_; }
  int32_t* record(unsigned i) noexcept { return &records_[i * k_record_fields]; }
  const int32_t* record(unsigned i) const noexcept { return &records_[i * k_record_fields]; }
  int32_t* verdicts() noexcept { return verdicts_; }
  const int32_t* verdict(unsigned i) const noexcept { return &verdicts_[i * k_verdict_fields]; }
  // A verdict that nobody writes means `drop`.
  void clear_verdicts() noexcept { std::memset(verdicts_, 0, count_ * k_verdict_fields * sizeof(int32_t)); }

  // Whether a message of this batch arrived on the flow.
  bool came_over(FlowHandle flow, uint8_t shard) const noexcept {
    for (unsigned i = 0; i < count_; ++i) {
      const Source& source = items_[i].source;
      if (source.kind == FlowKind::stream && source.shard == shard && source.slot == flow.slot && source.generation == flow.generation) return true;
    }
    return false;
  }

  // Places for datagrams of kDatagram octets each. One arena serves all UDP sockets in a turn: places already used stay below.
  unsigned datagram_places() const noexcept { return most_ - (count_ > datagrams_used_ ? count_ : datagrams_used_); }
  unsigned datagrams_used() const noexcept { return datagrams_used_; }
  char* datagram_place(unsigned i) noexcept { return datagrams_.get() + i * kDatagramStride; }
  void use_datagrams(unsigned count) noexcept { datagrams_used_ += count; }

  // Room for octets of a stream; nullptr: none left in this turn.
  char* stream_room(size_t octets) noexcept { return kStreamArena - streams_used_ < octets ? nullptr : streams_ + streams_used_; }
  void use_stream(size_t octets) noexcept { streams_used_ += octets; }

  // A handshake costs as much as hundreds of messages: allow a few per batch, so that established flows need not wait for all of them.
  bool may_shake_hands() const noexcept { return handshakes_left_ > 0; }
  void shake_hands() noexcept {
    if (handshakes_left_ > 0) --handshakes_left_;
  }
  void end_handshakes() noexcept { handshakes_left_ = 0; }

  void add_custom_reply(CustomReply reply) noexcept { custom_.push_back(std::move(reply)); }
  const CustomReply* custom_reply(unsigned i) const noexcept {
    const CustomReply* found = nullptr;
    for (const CustomReply& given : custom_)
      if (given.item == static_cast<int>(i)) found = &given;
    return found;
  }

 private:
  static constexpr size_t kDatagramStride = kDatagram + 17 * 64;  // an odd number of cache lines, so that slots do not share sets
  static constexpr unsigned kHandshakes = 2;
  static constexpr unsigned kNumberBatch = 24;

  const bool home_;
  unsigned most_;
  std::vector<Item> items_;
  unsigned count_ = 0;
  unsigned objects_ = 0;
  int32_t* records_;
  int32_t* verdicts_;
  std::unique_ptr<char[]> datagrams_;
  std::unique_ptr<char[]> own_streams_;
  char* streams_;
  unsigned datagrams_used_ = 0;  // places that hold this turn's octets
  size_t streams_used_ = 0;
  unsigned handshakes_left_ = 0;
  std::vector<CustomReply> custom_;
};

}  // namespace sluice
