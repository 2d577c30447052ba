// Connections whose TLS handshake can go on, in the order in which they came: a turn has time for a few (turn.h).
#pragma once

#include <algorithm>
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
  // Of `most` places for those that wait, so many are taken. Those that have begun take half of them at most: a source that sends its handshakes
  // octet by octet has all of them here again and again, and would keep newcomers with the kernel.
  size_t taken_of(size_t most) const noexcept { return new_.size() + std::min(begun_.size(), most / 2); }

 private:
  std::deque<FlowHandle> new_;
  std::deque<FlowHandle> begun_;
  bool is_begun_next_ = true;
};

}  // namespace sluice
