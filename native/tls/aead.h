// Authenticated encryption by OpenSSL (RFC 5116), through the functions of its provider. Each thread has one context for each suite and direction, keyed anew when the key changes:
// a context of OpenSSL's takes a kilobyte, too much for an idle connection.
#pragma once

#include "core/base/bytes.h"
#include "record_state.h"

namespace sluice {

constexpr size_t kAeadTag = 16;
constexpr size_t kAeadNonce = 12;

// False: OpenSSL does not offer this cipher in the way we use it.
bool has_aead(AeadSuite suite) noexcept;

size_t key_size(AeadSuite suite) noexcept;

// Encrypts `text` in place and writes the tag.
bool aead_seal(AeadSuite suite, const uint8_t* key, const uint8_t* nonce, Text associated, char* text, size_t size, char* tag) noexcept;

// Decrypts `sealed`, which ends with the tag, to `plain`: room for sealed.size() - kAeadTag octets, meaningless unless it returns true.
bool aead_open(AeadSuite suite, const uint8_t* key, const uint8_t* nonce, Text associated, Text sealed, char* plain) noexcept;

// The key is no longer in use: no context of this thread keeps it.
void forget_key(const uint8_t* key) noexcept;

}  // namespace sluice
