// Connections that have become readable together are read by one system call (docs/decisions/many-calls-in-one.md).
#pragma once

#include <sys/epoll.h>

#include <array>

#include "core/shard/ground.h"
#include "core/shard/turn.h"
#include "core/transport/call_ring.h"
#include "core/transport/stream_layer.h"

namespace sluice {

// Of a neighbour's connection, and of a client's that is read alone.
constexpr size_t kCoreRead = 96 * 1024;
constexpr size_t kClientRead = 64 * 1024;
constexpr size_t kTlsRead = 32 * 1024;

class JointReads {
 public:
  static constexpr size_t kLargest = kCoreRead;  // of one read, octets

  struct Read {
    FlowHandle flow;
    char* room;      // `held` octets, for what waits in Flow::in, then those received
    size_t held;
    ssize_t result;  // as of recv(), or -errno
  };

  JointReads(Ground& ground, Turn& turn, CallRing& ring) noexcept : ground_(ground), turn_(turn), ring_(ring) {}

  // Reads from the connections of the first events, as many as may be read together; returns how many. 0: read the first one by itself.
  unsigned run(const epoll_event* events, unsigned count) noexcept;
  // Of them, what read `i` has brought.
  const Read& at(unsigned i) const noexcept { return reads_[i]; }
  // It is dealt with now.
  void deals_with(unsigned i) noexcept {
    if (hand_ != nullptr) hand_->deals_with(i);
  }
  // All of them have been dealt with.
  void end() noexcept {
    if (hand_ != nullptr) hand_->has_read();
  }

 private:
  // More together gain nothing.
  static constexpr unsigned kMost = KeptHand::kMostReads;
  // What a client may have read in one go. Who has sent more is read again in the next turn, behind the others.
  static constexpr size_t kShare = 8 * 1024;
  // An odd number of cache lines, so that the beginnings of messages do not share sets.
  static constexpr size_t kApart = 64;

  bool may_join(const Flow& flow) const noexcept;
  bool add(const epoll_event& event) noexcept;

  Ground& ground_;
  Turn& turn_;
  CallRing& ring_;
  unsigned count_ = 0;
  KeptHand* hand_ = nullptr;
  size_t later_ = 0;  // room that decrypting what is read will need
  std::array<Read, kMost> reads_;
};

}  // namespace sluice
