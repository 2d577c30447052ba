// Responses that a UDP source may not get yet: it has sent too little, and has not shown that it hears us (answer_credit.h). They wait
// until it answers our question.
#pragma once

#include <deque>

#include "core/base/image.h"
#include "core/base/kept_octets.h"
#include "core/flow/source_shares.h"
#include "core/relay/via_branch.h"
#include "core/shard/ground.h"

namespace sluice {

class WithheldAnswers {
 public:
  explicit WithheldAnswers(Ground& ground) noexcept : ground_(ground) {}

  // A later response to the same request replaces an earlier one. True: ask the source now; false: it was asked a moment ago.
  bool keep(const ReturnPath& back, Text head, Text body) noexcept;
  // The source has answered: calls send(back, octets) for each response that waits for it, the oldest first.
  template <typename Send>
  void release(const Address& source, Send&& send) noexcept {
    const SourceKey key(source);
    for (size_t i = 0; i < held_.size();) {
      Held& one = held_[i];
      if (!(one.source == key)) {
        ++i;
        continue;
      }
      if (!is_late(one)) send(one.back, one.octets.text());
      drop(i);
    }
  }
  size_t size() const noexcept { return held_.size(); }

  // For the successor of this process.
  void freeze(ImageWriter& image) const noexcept;
  void adopt(ImageReader& image) noexcept;
  void let_go() noexcept {
    while (!held_.empty()) drop(held_.size() - 1);
  }

  // The oldest make room for others, of the same source first.
  static constexpr size_t kMost = 256;
  static constexpr size_t kMostOfSource = 4;
  static constexpr size_t kMostOctets = 1u << 20;

 private:
  struct Held {
    ReturnPath back;
    SourceKey source;
    uint64_t request;
    uint32_t since;     // ticks
    uint32_t asked_at;
    KeptOctets octets;
  };

  bool is_late(const Held& one) const noexcept;
  void make_room(const SourceKey& source, uint64_t request, size_t octets) noexcept;
  void drop(size_t at) noexcept;

  Ground& ground_;
  std::deque<Held> held_;  // the oldest first
  size_t octets_ = 0;
};

}  // namespace sluice
