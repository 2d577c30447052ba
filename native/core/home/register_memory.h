// Which REGISTERs over UDP were answered recently, and on which path: a retransmission is answered again and changes nothing (RFC 3261
// 17.2.2). It remembers transactions and what they were granted or refused with, not responses: the response is built again, with the same To tag. It is
// bounded and replaces the oldest; a retransmission that comes later is handled like a new request.
#pragma once

#include "core/base/bytes.h"
#include "core/base/image.h"
#include "core/base/layout.h"
#include "core/base/zeroed.h"

namespace sluice {

// What a 200 has besides its Contacts.
struct RegisterGranted {
  uint32_t grants = 0;      // kGrant_ bits
  uint32_t flow_timer = 0;  // seconds, 0: none
};

// Why the store refuses a REGISTER.
constexpr Text refusal_reason(int status) noexcept { return status == 403 ? "Too Many Contacts" : status == 500 ? "CSeq Out Of Order" : "Service Unavailable"; }

class RegisterMemory {
 public:
  // `capacity`: number of transactions. The memory is allocated with the first one.
  explicit RegisterMemory(uint32_t capacity) noexcept;

  // find() will be asked about it in a moment: the entry is far away in a large memory, and fetching it takes longer than reading a REGISTER.
  void expect(uint64_t transaction) const noexcept {
    if (memory_ != nullptr) __builtin_prefetch(&set_of(transaction), 1);
  }
  // `answered`, `held` or `waiting`; `open`: unknown. `transaction` is a keyed hash, so that strangers cannot choose which entry is replaced.
  RegisterState find(uint64_t transaction, uint32_t now) const noexcept;
  RegisterGranted granted(uint64_t transaction, uint32_t now) const noexcept;
  void remember(uint64_t transaction, RegisterState state, uint32_t now, uint32_t ends, const RegisterGranted& granted = {}) noexcept;
  // The store has refused it: it is `refused` from now on.
  void refuse(uint64_t transaction, int status, uint32_t now, uint32_t ends) noexcept { remember(transaction, RegisterState::refused, now, ends, {0, static_cast<uint32_t>(status)}); }
  int refusal(uint64_t transaction, uint32_t now) const noexcept { return static_cast<int>(granted(transaction, now).flow_timer); }
  void forget(uint64_t transaction) noexcept;

  // For the successor of this process. What waits for a store is not among it: its answer will not come. An older process knows nothing that was
  // refused; there the store decides on it anew.
  void freeze(ImageWriter& image, uint32_t now) const noexcept;
  void adopt(ImageReader& image, uint32_t now) noexcept;

  uint32_t capacity() const noexcept { return sets_ * kWays; }

 private:
  static constexpr uint32_t kWays = 4;  // a cache line

  struct Entry {
    uint64_t transaction;
    uint32_t ends;  // tick
    RegisterState state : 4;  // `unread`: an empty entry
    uint32_t grants : 4;
    uint32_t flow_timer : 24;  // or the status of a refusal
  };
  static_assert(sizeof(Entry) == 16, "a million of them are in memory");

  struct alignas(64) Set {
    Entry entries[kWays];
  };

  static bool is_over(const Entry& entry, uint32_t now) noexcept { return entry.state == RegisterState::unread || static_cast<int32_t>(now - entry.ends) >= 0; }
  const Entry* entry_of(uint64_t transaction, uint32_t now) const noexcept;
  Set& set_of(uint64_t transaction) const noexcept { return memory_[transaction & (sets_ - 1)]; }

  uint32_t sets_;
  Zeroed<Set> memory_;
};

}  // namespace sluice
