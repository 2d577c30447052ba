// AES-256-GCM from OpenSSL.
#pragma once

#include <memory>

#include "core/crypto/sealer.h"

namespace sluice {

// `key`: 32 octets. nullptr: OpenSSL has no such cipher.
std::unique_ptr<Sealer> make_aes_gcm(const uint8_t* key) noexcept;

}  // namespace sluice
