// From the secrets of a handshake to the keys of its records (RFC 8446 7, RFC 5246 5 and 6.3).
#pragma once

#include "core/base/bytes.h"
#include "record_state.h"

namespace sluice {

// Of the hash that belongs to the suite.
size_t secret_size(AeadSuite suite) noexcept;

// TLS 1.3, 7.3: key and IV from keys.secret; records are numbered from 0 again.
bool derive_keys(AeadSuite suite, TrafficKeys& keys) noexcept;
// TLS 1.3, 7.2: the keys after a KeyUpdate.
bool update_keys(AeadSuite suite, TrafficKeys& keys) noexcept;

// TLS 1.2: keys and salts or IVs of both directions. `seeds`: the server's random, then the client's.
bool expand_key_block(AeadSuite suite, Text master_secret, Text seeds, TrafficKeys& client, TrafficKeys& server) noexcept;

}  // namespace sluice
