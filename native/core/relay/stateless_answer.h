// Responses that no transaction remembers (RFC 3261 8.2.7). The ACK to one ends here: nobody further on has seen its INVITE.
#pragma once

#include <array>
#include <memory>

#include "core/base/image.h"
#include "core/flow/source_shares.h"
#include "core/relay/via_branch.h"

namespace sluice {

// Whose response an ACK acknowledges. `proof`: ours, and the ACK proves that the sender has read it.
enum class AckFor : uint8_t { others, ours, proof };

class StatelessAnswers {
 public:
  static constexpr size_t kTag = 15;

  // The To tag of a response to the transaction: only we can make it, so it authenticates the ACK. `to`: the UDP source that gets the
  // response, nullptr for a connection or the core; the same request from another source gets another tag.
  static Text tag(const EdgeConfig& config, uint64_t transaction, const Address* to, char* out) noexcept;

  // Within a dialog we cannot choose the tag, so an INVITE answered there is remembered until `ends`.
  void remember(uint64_t transaction, uint32_t now, uint32_t ends) noexcept;

  // Whether the ACK is for a response of ours. `transaction` is called only if it may be.
  template <typename Transaction>
  AckFor own(const EdgeConfig& config, const Message& ack, const Address* from, uint32_t now, Transaction transaction) const noexcept {
    const Text given = ack.text(ack.to_tag);
    char expected[kTag];
    if (given.size() == kTag && given.substr(0, 3) == "sl-" && given == tag(config, transaction(), from, expected)) return AckFor::proof;
    return places_ != nullptr && is_before(now, last_end_) && holds(transaction(), now) ? AckFor::ours : AckFor::others;
  }

  // For the successor of this process.
  void freeze(ImageWriter& image) const noexcept;
  void adopt(ImageReader& image) noexcept;

 private:
  static constexpr size_t kPlaces = 2048;

  struct Place {
    uint64_t transaction = 0;
    uint32_t ends = 0;
  };

  static bool is_before(uint32_t one, uint32_t other) noexcept { return static_cast<int32_t>(one - other) < 0; }
  bool holds(uint64_t transaction, uint32_t now) const noexcept;

  // One place per remainder: under a flood the newest stay. Allocated on first use.
  std::unique_ptr<std::array<Place, kPlaces>> places_;
  uint32_t last_end_ = 0;
};

// The shard that keeps the transaction of a neighbour's request: CANCEL, ACK and retransmissions may arrive on another connection or
// another shard and meet it there (RFC 3261 9.2, 17.2.3).
uint8_t transaction_owner(const EdgeConfig& config, const Via& top, const Address& sender) noexcept;

}  // namespace sluice
