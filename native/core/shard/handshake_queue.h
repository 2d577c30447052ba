// Connections whose TLS handshake can go on, in the order in which they came: a turn has time for a few (turn.h).
#pragma once

#include <deque>

#include "core/flow/flow_table.h"

namespace sluice {

class HandshakeQueue {
 public:
  // Each at most once; StreamLayer::awaits_turn says so.
  void add(FlowHandle handle) { waiting_.push_back(handle); }
  bool empty() const noexcept { return waiting_.empty(); }
  // The first may be closed by now.
  FlowHandle next() noexcept {
    const FlowHandle first = waiting_.front();
    waiting_.pop_front();
    return first;
  }
  // More would wait here longer than a phone does. In the kernel's queue, or before it, they cost nothing and lose nothing.
  bool is_long() const noexcept { return waiting_.size() >= kLong; }

 private:
  // A handshake takes about a millisecond.
  static constexpr size_t kLong = 256;

  std::deque<FlowHandle> waiting_;
};

}  // namespace sluice
