// How much we send to a UDP source before it has shown that it hears us: three times the octets received from it. A source address is
// easy to forge, and our responses must not amplify what the forger sends. One account for the whole process: one shard may answer what
// another received.
#pragma once

#include <array>
#include <atomic>
#include <memory>

#include "core/base/image.h"
#include "core/base/zeroed.h"
#include "core/flow/source_shares.h"

namespace sluice {

class AnswerCredit {
 public:
  enum class Kind : uint8_t { provisional, final, question };

  static constexpr uint32_t kTimes = 3;
  // What a provisional response leaves: room for the question whether the source hears us, which lets everything else through.
  static constexpr uint32_t kQuestion = 400;

  explicit AnswerCredit(const SipKey& key) noexcept : key_(key) {}

  // Has the caches fetch what is known about it.
  void fetch(const Address& source) noexcept { __builtin_prefetch(&name_of(source).line, 1); }
  // Octets arrived from there.
  void received(const Address& source, size_t octets) noexcept;
  // It has repeated something that we sent only to this source.
  void heard_us(const Address& source) noexcept;
  // Deducts a response from its credit, or a question whether it hears us. False: too little is left. A source that we have forgotten since
  // its last message, in a flood or a restart, may be asked, once.
  bool may_send(const Address& source, size_t octets, Kind kind) noexcept;
  // The longest final response it would get now.
  size_t room(const Address& source) noexcept;

  // For the successor of this process, which has the same key. `all`: else what has come since the last time.
  void freeze(ImageWriter& image, bool all) noexcept;
  void adopt(ImageReader& image) noexcept;

 private:
  // Sources that share a cache line replace each other, but one that has heard us stays as long as there is another to replace: forged
  // sources, however many, never cost another source its proof. Only the credit or limit of one that has been silent for longer is lost.
  static constexpr size_t kLine = 8;
  static constexpr size_t kLines = 1u << 15;
  static constexpr size_t kGroup = 64;  // lines
  static constexpr uint32_t kMaxCredit = 1 << 16;
  static constexpr uint32_t kProven = UINT32_MAX;

  struct alignas(8) Account {  // clang calls libatomic for less
    uint32_t mark = 0;
    uint32_t credit = 0;
  };
  static_assert(std::atomic<Account>::is_always_lock_free);
  using Place = std::atomic<Account>;

  struct alignas(64) Line {
    Place places[kLine];
  };
  static_assert(sizeof(Line) == 64);
  struct Name {
    Line& line;
    uint32_t mark;
    uint32_t first;  // where a new source looks for a place
  };

  Name name_of(const Address& source) noexcept;
  // nullptr: unknown.
  static Place* find(const Name& name) noexcept;
  Place& find_or_make(const Name& name) noexcept;
  // After it, so that a freeze() beside it either sees what has changed or leaves the mark.
  void has_changed(const Line& line) noexcept { is_new_[static_cast<size_t>(&line - lines_.get()) / kGroup].store(true, std::memory_order_release); }

  SipKey key_;
  Zeroed<Line> lines_ = zeroed<Line>(kLines);
  std::array<std::atomic<bool>, kLines / kGroup> is_new_{};  // something in a group, since the last freeze()
};

}  // namespace sluice
