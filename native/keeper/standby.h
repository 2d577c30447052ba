// A second server that has everything loaded and waits for the word that the first one has crashed. Its word comes over a channel of its own, which
// nobody reads until then.
#pragma once

#include <cstdint>
#include <vector>

#include "child.h"

namespace sluice {

class Standby {
 public:
  explicit Standby(bool is_wanted) : is_wanted_(is_wanted) {}
  ~Standby() { end(); }
  Standby(const Standby&) = delete;
  Standby& operator=(const Standby&) = delete;

  // Somebody else serves now: one is started in a while, anew if there is one, which may be of another version.
  // `may_give_way`: to the one before, after an upgrade.
  void serves(bool may_give_way) noexcept;
  // Starts one when it is time.
  void tend(const std::vector<char*>& command);
  // Milliseconds until then; -1: nothing is due.
  int rest_ms() const noexcept;
  // Becomes readable when it has ended.
  int watch() const noexcept { return watch_; }
  // It serves from now on. False: there is none.
  bool take(Child& child) noexcept;
  void end() noexcept;

 private:
  // Whoever has just begun to serve has all processors for that long.
  static constexpr uint64_t kPauseNs = 1'000'000'000;
  static constexpr uint64_t kTrialNs = 5'000'000'000;
  // One that ends by itself, such as for want of memory.
  static constexpr uint64_t kAgainNs = 60'000'000'000;

  bool has_ended() const noexcept;

  const bool is_wanted_;
  Child child_;
  int watch_ = -1;
  uint64_t due_ = 0;  // 0: never
};

}  // namespace sluice
