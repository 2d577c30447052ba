// A cipher of OpenSSL's with a key, through the functions of its provider (provider-cipher(7)). EVP asks a context for the length of its key and nonce, by
// name, for each text, which takes longer than a quarter of the encryption of a record.
#pragma once

#include "core/base/bytes.h"
#include "record_state.h"

namespace sluice {

constexpr size_t kAeadTag = 16;
constexpr size_t kAeadNonce = 12;

struct ProviderCipher;

// False: OpenSSL does not offer this cipher in the way we use it.
bool has_aead(AeadSuite suite) noexcept;

size_t key_size(AeadSuite suite) noexcept;

// For one suite and one direction. Keys are compared by their octets: a record sealed with a key of somebody else would spend one of that key's nonces
// twice.
class AeadContext {
 public:
  AeadContext() noexcept = default;
  ~AeadContext() noexcept { drop(); }
  AeadContext(const AeadContext&) = delete;
  AeadContext& operator=(const AeadContext&) = delete;

  // Encrypts `text` in place and writes the tag.
  bool seal(AeadSuite suite, const uint8_t* key, const uint8_t* nonce, Text associated, uint8_t* text, size_t size, uint8_t* tag) noexcept;
  // Decrypts `sealed`, which the tag follows, to `plain`.
  bool open(AeadSuite suite, const uint8_t* key, const uint8_t* nonce, Text associated, const uint8_t* sealed, size_t size, uint8_t* plain) noexcept;
  void forget(AeadSuite suite, const uint8_t* gone) noexcept;

 private:
  bool set(AeadSuite suite, bool seals, const uint8_t* wanted, const uint8_t* nonce, const void* params) noexcept;
  bool run(Text associated, const uint8_t* from, uint8_t* to, size_t size) noexcept;
  void drop() noexcept;

  const ProviderCipher* cipher_ = nullptr;
  void* context_ = nullptr;
  bool is_keyed_ = false;
  uint8_t key_[sizeof TrafficKeys::key] = {};
};

}  // namespace sluice
