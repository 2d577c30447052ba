// Where the connections of the process came from, remembered after they end: this shows whether a sender that uses the token of a closed
// connection, or of one on another shard, comes from the same place (RFC 5626 5.3). Written when a connection opens, read without a lock.
// When two share a place the newer one wins, so it may forget, but it never grows.
#pragma once

#include <array>
#include <atomic>
#include <memory>

#include "core/base/image.h"
#include "core/base/zeroed.h"
#include "core/crypto/siphash.h"
#include "core/flow/flow_token.h"
#include "core/flow/source_shares.h"

namespace sluice {

enum class Origin : uint8_t { forgotten, same, other };

class FlowOrigins {
 public:
  FlowOrigins();

  void put(const FlowName& connection, const Address& remote) noexcept;
  // Whether the connection came from the same source (see SourceKey) as `sender`.
  Origin compare(const FlowName& connection, const Address& sender) const noexcept;

  // For the successor of this process. `all`: else what has come since the last time.
  void freeze(ImageWriter& image, bool all) noexcept;
  void adopt(ImageReader& image) noexcept;

 private:
  static constexpr size_t kPlaces = 1u << 18;
  static constexpr size_t kGroup = 64;  // places

  uint64_t hash_of(const FlowName& connection) const noexcept;
  uint32_t tag_of(const Address& remote) const noexcept;

  SipKey key_;
  // The upper half identifies the connection, the lower half its source.
  Zeroed<std::atomic<uint64_t>> places_ = zeroed<std::atomic<uint64_t>>(kPlaces);
  std::array<std::atomic<bool>, kPlaces / kGroup> is_new_{};  // something in a group, since the last freeze()
};

}  // namespace sluice
