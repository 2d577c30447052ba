// What a registration leaves behind: one way to one device (RFC 3261 10, RFC 5626 6). Views of octets that somebody else owns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/bytes.h"

namespace sluice {

// The order is a format (binding_record.h): add at the end only. An empty part is one that is not there.
enum class Part : uint8_t {
  uri,       // of the Contact, without its angle brackets
  params,    // of the Contact, to be echoed
  instance,  // as a URN
  path,      // netstrings, "LENGTH:VALUE" one after the other
  call_id,
  key,    // names it within its address of record
  flow,   // that carried the REGISTER
  agent,  // User-Agent
  node,   // whose flow it is, among several that share a store
  count_
};
constexpr size_t kParts = static_cast<size_t>(Part::count_);

// Flags of a binding.
constexpr uint16_t kOutbound = 1;
constexpr uint16_t kDirect = 2;  // it outlives its flow

struct Binding {
  uint64_t expires = 0;  // milliseconds on the clock of the store
  uint64_t updated = 0;
  uint32_t cseq = 0;
  uint32_t reg_id = 0;  // 0: none
  uint16_t q = 0;       // thousandths
  uint16_t flags = 0;
  Text parts[kParts];

  Text& operator[](Part part) noexcept { return parts[static_cast<size_t>(part)]; }
  const Text& operator[](Part part) const noexcept { return parts[static_cast<size_t>(part)]; }
  bool outbound() const noexcept { return (flags & kOutbound) != 0; }
};

// One REGISTER as data: done as a whole or not at all.
struct RegisterOperation {
  Text aor;
  Text call_id;
  uint32_t cseq = 0;
  bool everything = false;    // `Contact: *`
  std::vector<Binding> put;   // added, or in the place of those that their keys name
  std::vector<Text> drop;     // keys
  uint32_t max_contacts = 0;  // after the operation
  uint32_t max_flows = 0;     // of one instance
  uint64_t now = 0;
};

enum class Outcome : uint8_t {
  saved,
  out_of_order,  // a binding concerned has the same Call-ID and no lower CSeq (RFC 3261 10.3 step 7)
  full,          // it would have grown beyond a limit of the operation
  no_room,       // beyond the bounds of the table
};

}  // namespace sluice
