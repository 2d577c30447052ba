// The output of a turn, over connections and in datagrams, and the memory in which it is written.
#pragma once

#include <memory>
#include <vector>

#include "core/base/edit_list.h"
#include "core/flow/stream_writer.h"
#include "core/shard/ground.h"
#include "core/transport/datagram_queue.h"

namespace sluice {

class Outbox {
 public:
  explicit Outbox(Ground& ground) noexcept;

  // Room for at least `most` octets, which live until the next flush. This call itself flushes if too little room is left, so hand over
  // what you have written before you ask for more.
  Writer scratch(size_t most = kUsual) noexcept {
    if (kScratch - used_ < most) flush();
    return Writer(scratch_.get() + used_, kScratch - used_);
  }
  // Keeps what was written.
  Text commit(const Writer& out) noexcept {
    used_ += out.size();
    return out.text();
  }
  // The same for a head, with a short body appended; `body` is then empty. A long body stays where it is, for the kernel to read.
  Text finished(const Writer& head, Text& body) noexcept;
  // A copy in scratch; empty if there is nothing to copy, or more than scratch can ever hold.
  Text copied(Text octets) noexcept;

  void attach(uint16_t listener, int fd, bool v6) noexcept { datagrams_[listener].attach(fd, v6); }
  bool sends_from(size_t listener) const noexcept { return listener < datagrams_.size() && datagrams_[listener].fd() >= 0; }
  // A 100 and an ACK may go first: nothing that leaves for the same destination in the same turn has to come before them (RFC 3261 17.1.1.2,
  // 17.1.1.3, 13.2.2.4). A registrar has one beside every copy and every refusal of an INVITE, and they make trains of their own.
  static DatagramQueue::Order order_of(Text head) noexcept {
    constexpr Text kTrying = "SIP/2.0 100 ", kAck = "ACK ";
    return head.substr(0, kTrying.size()) == kTrying || head.substr(0, kAck.size()) == kAck ? DatagramQueue::Order::first : DatagramQueue::Order::kept;
  }
  // The octets must live until flush().
  void datagram(uint16_t listener, const Address& to, Text head, Text body = Text()) noexcept { datagram(listener, to, head, body, order_of(head)); }
  void datagram(uint16_t listener, const Address& to, Text head, Text body, DatagramQueue::Order order) noexcept {
    datagrams_[listener].add(to, head, body, counters_, order);
  }
  StreamWriter& streams() noexcept { return streams_; }
  // Calls `see(listener, refused)` for each datagram that the kernel refused. False: there was none.
  template <typename See>
  bool take_refused(See&& see) noexcept {
    bool any = false;
    for (size_t i = 0; i < datagrams_.size(); ++i) {
      if (!datagrams_[i].has_refused()) continue;
      any = true;
      for (const DatagramQueue::Refused& refused : datagrams_[i].take_refused()) see(static_cast<uint16_t>(i), refused);
    }
    return any;
  }

  void flush() noexcept;

 private:
  static constexpr size_t kScratch = 2u << 20;
  // The longest head, with what relaying adds to it and a body short enough to be copied.
  static constexpr size_t kUsual = 65'536 + 4096 + 1024;

  Counters& counters_;
  StreamWriter streams_;
  std::vector<DatagramQueue> datagrams_;  // one per listener, for UDP
  std::unique_ptr<char[]> scratch_;
  size_t used_ = 0;
};

}  // namespace sluice
