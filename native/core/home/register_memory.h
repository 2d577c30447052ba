// Which REGISTERs over UDP were answered a moment ago, and by whom: a retransmission is answered again and changes nothing (RFC 3261
// 17.2.2). Only their names are kept; what is said again is made again, with the same To tag. Bounded: the oldest give way, and whose
// retransmission comes later than that is handled anew.
#pragma once

#include <memory>

#include "core/base/layout.h"

namespace sluice {

class RegisterMemory {
 public:
  // `capacity`: a number of transactions; what it takes is asked for with the first of them.
  explicit RegisterMemory(uint32_t capacity) noexcept;

  // `answered` or `held`; `open`: nothing is known of it. `transaction`: a keyed hash, so that strangers cannot choose who gives way.
  RegisterState find(uint64_t transaction, uint32_t now) const noexcept;
  void remember(uint64_t transaction, RegisterState state, uint32_t now, uint32_t ends) noexcept;

  uint32_t capacity() const noexcept { return sets_ * kWays; }

 private:
  static constexpr uint32_t kWays = 4;  // a cache line

  struct Entry {
    uint64_t transaction;
    uint32_t ends;  // tick
    RegisterState state;  // `unread`: an empty place
  };
  struct alignas(64) Set {
    Entry entries[kWays];
  };

  static bool is_over(const Entry& entry, uint32_t now) noexcept { return entry.state == RegisterState::unread || static_cast<int32_t>(now - entry.ends) >= 0; }
  Set& set_of(uint64_t transaction) const noexcept { return memory_[transaction & (sets_ - 1)]; }

  uint32_t sets_;
  std::unique_ptr<Set[]> memory_;
};

}  // namespace sluice
