// Copies of the messages that the operator asked to see. A shard without a tap pays one pointer check per message.
#pragma once

#include <string>
#include <vector>

#include "core/sip/address.h"
#include "core/sip/message.h"
#include "core/crypto/siphash.h"

namespace sluice {

struct TapFilter {
  enum Kind : uint8_t { all, aor, call_id, address, outcome } kind = all;
  std::string text;     // for aor: user@host; for call_id: the whole Call-ID
  Address peer;         // for address; port 0: any
  uint32_t sample = 1;  // for all: every n-th dialog
};

// The header of each copy. TypeScript reads it by these offsets: src/observe/tapped.ts.
struct TapHead {
  uint64_t time_us;     // since 1970
  uint32_t size;        // octets after this header
  uint32_t filters;     // bit i: filter i asked for it
  uint8_t ip[16];
  uint16_t port;
  uint16_t listener;
  uint8_t sent;         // 1: by us
  uint8_t reserved[3];
};
static_assert(sizeof(TapHead) == 40);

class WireTap {
 public:
  static constexpr size_t kMaxFilters = 32;
  static constexpr size_t kMaxOctets = 4u << 20;  // waiting to be drained; more are lost and counted

  WireTap(std::vector<TapFilter> filters, const SipKey& key) noexcept;

  // The filters that match a message, as bits.
  uint32_t match(const Message& message) const noexcept;
  uint32_t match(const Address& peer) const noexcept;
  // For a response that we send: the filters for outcomes, which are final responses to REGISTER and refusals of anything.
  uint32_t match_outcome(Text response) const noexcept;

  void put(uint32_t filters, bool sent, const Address& peer, uint16_t listener, Text head, Text body) noexcept;

  // All copies since the last call, with credentials made unreadable; `lost` counts those there was no room for.
  std::vector<char> drain(uint64_t& lost) noexcept;

 private:
  std::vector<TapFilter> filters_;
  SipKey key_;
  std::vector<char> octets_;
  uint64_t lost_ = 0;
};

// Overwrites, octet for octet, what would let a reader impersonate the user: digest responses, other credentials, SDES keys in a body.
void scrub_credentials(char* data, size_t size) noexcept;

}  // namespace sluice
