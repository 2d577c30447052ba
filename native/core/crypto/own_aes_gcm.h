// AES-256-GCM (NIST SP 800-38D) by the processor's own instructions. OpenSSL asks a context for lengths by name at each message, which for the
// few octets of a GRUU takes longer than the encryption.
#pragma once

#include <memory>

#include "core/crypto/sealer.h"

namespace sluice {

constexpr size_t kAes256Key = 32;

// `key`: kAes256Key octets. nullptr: this processor has no such instructions.
std::unique_ptr<Sealer> make_own_aes_gcm(const uint8_t* key) noexcept;

}  // namespace sluice
