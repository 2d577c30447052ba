// Where the connections of the process came from, known beyond their end: whoever sends with the token of a connection that another shard
// has, or that is closed, is asked whether it comes from there (RFC 5626 5.3). Written when a connection opens, read without a lock. Of two in one
// place the newer stays, so it may forget, but it never grows.
#pragma once

#include <atomic>
#include <memory>

#include "core/crypto/siphash.h"
#include "core/flow/flow_token.h"
#include "core/flow/source_shares.h"

namespace sluice {

enum class Origin : uint8_t { forgotten, same, other };

class FlowOrigins {
 public:
  FlowOrigins();

  void put(const FlowName& connection, const Address& remote) noexcept;
  // Whether the connection came from the source of `sender`, as SourceKey has it.
  Origin compare(const FlowName& connection, const Address& sender) const noexcept;

 private:
  static constexpr size_t kPlaces = 1u << 18;

  uint64_t hash_of(const FlowName& connection) const noexcept;
  uint32_t tag_of(const Address& remote) const noexcept;

  SipKey key_;
  // The upper half names the connection, the lower one its source.
  std::unique_ptr<std::atomic<uint64_t>[]> places_ = std::make_unique<std::atomic<uint64_t>[]>(kPlaces);
};

}  // namespace sluice
