// Connections whose TLS handshake can go on, in the order in which they came: a turn has time for a few (turn.h).
#pragma once

#include <deque>
#include <utility>

#include "core/flow/flow_table.h"

namespace sluice {

class HandshakeQueue {
 public:
  // Each at most once; StreamLayer::awaits_turn says so. `has_begun`: its peer has had our first answer.
  void add(FlowHandle handle, bool has_begun) { (has_begun ? begun_ : new_).push_back(handle); }
  bool empty() const noexcept { return new_.empty() && begun_.empty(); }
  // One may be closed by now. Those that have begun and new ones take turns: nobody's second half waits behind a thousand first ones, and
  // who sends a handshake octet by octet keeps no newcomer out.
  FlowHandle next() noexcept {
    std::deque<FlowHandle>& queue = new_.empty() || (!begun_.empty() && std::exchange(is_begun_next_, !is_begun_next_)) ? begun_ : new_;
    const FlowHandle first = queue.front();
    queue.pop_front();
    return first;
  }
  size_t size() const noexcept { return new_.size() + begun_.size(); }

 private:
  std::deque<FlowHandle> new_;
  std::deque<FlowHandle> begun_;
  bool is_begun_next_ = true;
};

}  // namespace sluice
