// The neighbour at the other end of a client's dialog, named by the core-side Record-Route URI of a home server (parameter `nb`). A
// client's requests within the dialog go there and nowhere else: whatever its Route or Request-URI says, only what we have signed counts
// as proof (RFC 3261 16.4, 16.12, 12.2.1.1).
//
//   transport, address, port, then the first 8 octets of a MAC over these and the token of the URI that contains them
#pragma once

#include "core/relay/facts.h"

namespace sluice {

constexpr Text kNeighbourParam = "nb";
constexpr size_t kMaxNeighbourText = 36;

// Writes the parameter's value and returns its length. `token` is the user part of the URI.
size_t write_neighbour(const SipKey& key, Text token, const Neighbour& neighbour, char* out) noexcept;

// False: we did not write it for this token.
bool read_neighbour(const SipKey& key, Text token, Text value, Neighbour& out) noexcept;

// Where the sender of a request wants later requests of the dialog: its own Record-Route, else its Contact (RFC 3261 12.1.1). If that
// does not name an address of the sender or of a trusted peer, it is the address the request came from.
Neighbour neighbour_of(const Surroundings& around, const Message& message, const Source& source) noexcept;

}  // namespace sluice
