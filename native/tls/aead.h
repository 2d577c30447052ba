// Authenticated encryption by OpenSSL (RFC 5116). Each thread has one context for each suite and direction, keyed anew when the key changes: a context of
// OpenSSL's takes a kilobyte, too much for an idle connection.
#pragma once

#include "aead_context.h"

namespace sluice {

// Encrypts `text` in place and writes the tag.
bool aead_seal(AeadSuite suite, const uint8_t* key, const uint8_t* nonce, Text associated, char* text, size_t size, char* tag) noexcept;

// Decrypts `sealed`, which ends with the tag, to `plain`: room for sealed.size() - kAeadTag octets, meaningless unless it returns true.
bool aead_open(AeadSuite suite, const uint8_t* key, const uint8_t* nonce, Text associated, Text sealed, char* plain) noexcept;

// The key is no longer in use: no context of this thread keeps it.
void forget_key(const uint8_t* key) noexcept;

}  // namespace sluice
