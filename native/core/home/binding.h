// What a registration creates: one way to reach one device (RFC 3261 10, RFC 5626 6). Views of octets that others own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/bytes.h"

namespace sluice {

// The order is part of the file format (binding_record.h): add only at the end. An empty part is absent.
enum class Part : uint8_t {
  uri,       // of the Contact, without angle brackets
  params,    // of the Contact, to be echoed
  instance,  // as a URN
  path,      // a sequence of netstrings, "LENGTH:VALUE"
  call_id,
  key,    // identifies it within its address of record
  flow,   // the one that carried the REGISTER
  agent,  // User-Agent
  node,   // the node that owns the flow, if several share a store
  count_
};
constexpr size_t kParts = static_cast<size_t>(Part::count_);

// Flags of a binding.
constexpr uint16_t kOutbound = 1;
constexpr uint16_t kDirect = 2;  // outlives its flow

struct Binding {
  uint64_t expires = 0;  // milliseconds on the store's clock
  uint64_t updated = 0;
  uint32_t cseq = 0;
  uint32_t reg_id = 0;  // 0: none
  uint16_t q = 0;       // thousandths
  uint16_t flags = 0;
  uint16_t payer = 0;    // the source it counts against (binding_shares.h); 0: nobody
  Text parts[kParts];

  Text& operator[](Part part) noexcept { return parts[static_cast<size_t>(part)]; }
  const Text& operator[](Part part) const noexcept { return parts[static_cast<size_t>(part)]; }
  bool outbound() const noexcept { return (flags & kOutbound) != 0; }
};

// One REGISTER as data: carried out as a whole or not at all.
struct RegisterOperation {
  Text aor;
  Text call_id;
  uint32_t cseq = 0;
  bool everything = false;    // `Contact: *`
  std::vector<Binding> put;   // new, or replacing those with the same keys
  std::vector<Text> drop;     // keys
  uint32_t max_contacts = 0;  // after the operation
  uint32_t max_flows = 0;     // of one instance
  uint64_t now = 0;
};

enum class Outcome : uint8_t {
  saved,
  out_of_order,  // an affected binding has the same Call-ID and no lower CSeq (RFC 3261 10.3 step 7)
  full,          // the address would exceed a limit of the operation
  no_room,       // the table would exceed its bounds
  source_full,   // the table is half full, and the payer has used up its share
};

}  // namespace sluice
