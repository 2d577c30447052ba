#include "aead.h"

#include <cstring>

#include "openssl_ptr.h"

namespace sluice {
namespace {

constexpr size_t kSuites = 3;

const EVP_CIPHER* cipher_of(size_t suite) noexcept {
  switch (static_cast<AeadSuite>(suite)) {
    case AeadSuite::aes_128_gcm: return EVP_aes_128_gcm();
    case AeadSuite::aes_256_gcm: return EVP_aes_256_gcm();
    case AeadSuite::chacha20_poly1305: return EVP_chacha20_poly1305();
  }
  return nullptr;
}

uint8_t* octets(char* text) noexcept { return reinterpret_cast<uint8_t*>(text); }
const uint8_t* octets(Text text) noexcept { return reinterpret_cast<const uint8_t*>(text.data()); }

// Keys are compared by their octets: a record sealed with a key of somebody else would spend one of that key's nonces twice.
struct AeadContext {
  OpensslPtr<EVP_CIPHER_CTX> evp;
  bool keyed = false;
  uint8_t key[sizeof TrafficKeys::key] = {};

  bool set(AeadSuite suite, bool seals, const uint8_t* wanted, const uint8_t* nonce) noexcept {
    const size_t size = key_size(suite);
    if (!evp) {
      evp.reset(EVP_CIPHER_CTX_new());
      if (!evp || EVP_CipherInit_ex(evp.get(), cipher_of(static_cast<size_t>(suite)), nullptr, nullptr, nullptr, seals) != 1) return evp.reset(), false;
    }
    const bool same = keyed && std::memcmp(key, wanted, size) == 0;
    keyed = false;
    if (!same) std::memcpy(key, wanted, size);
    if (EVP_CipherInit_ex(evp.get(), nullptr, nullptr, same ? nullptr : wanted, nonce, seals) != 1) return false;
    keyed = true;
    return true;
  }

  void forget(AeadSuite suite, const uint8_t* gone) noexcept {
    if (!keyed || std::memcmp(key, gone, key_size(suite)) != 0) return;
    OPENSSL_cleanse(key, sizeof key);
    // EVP_CIPHER_CTX_free() overwrites the key schedule.
    evp.reset();
    keyed = false;
  }
};

struct AeadContexts {
  AeadContext sealing[kSuites];
  AeadContext opening[kSuites];
};

AeadContexts& contexts() noexcept {
  static thread_local AeadContexts of_thread;
  return of_thread;
}

}  // namespace

size_t key_size(AeadSuite suite) noexcept { return suite == AeadSuite::aes_128_gcm ? 16 : 32; }

bool aead_seal(AeadSuite suite, const uint8_t* key, const uint8_t* nonce, Text associated, char* text, size_t size, char* tag) noexcept {
  AeadContext& context = contexts().sealing[static_cast<size_t>(suite)];
  if (!context.set(suite, true, key, nonce)) return false;
  EVP_CIPHER_CTX* const evp = context.evp.get();
  int done = 0;
  return EVP_EncryptUpdate(evp, nullptr, &done, octets(associated), static_cast<int>(associated.size())) == 1 &&
         (size == 0 || EVP_EncryptUpdate(evp, octets(text), &done, octets(text), static_cast<int>(size)) == 1) &&
         EVP_EncryptFinal_ex(evp, octets(text) + size, &done) == 1 &&
         EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, kAeadTag, tag) == 1;
}

bool aead_open(AeadSuite suite, const uint8_t* key, const uint8_t* nonce, Text associated, Text sealed, char* plain) noexcept {
  if (sealed.size() < kAeadTag) return false;
  const size_t size = sealed.size() - kAeadTag;
  AeadContext& context = contexts().opening[static_cast<size_t>(suite)];
  if (!context.set(suite, false, key, nonce)) return false;
  EVP_CIPHER_CTX* const evp = context.evp.get();
  int done = 0;
  return EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_SET_TAG, kAeadTag, const_cast<char*>(sealed.data() + size)) == 1 &&
         EVP_DecryptUpdate(evp, nullptr, &done, octets(associated), static_cast<int>(associated.size())) == 1 &&
         (size == 0 || EVP_DecryptUpdate(evp, octets(plain), &done, octets(sealed), static_cast<int>(size)) == 1) &&
         EVP_DecryptFinal_ex(evp, octets(plain) + size, &done) == 1;
}

void forget_key(const uint8_t* key) noexcept {
  AeadContexts& all = contexts();
  for (size_t suite = 0; suite < kSuites; ++suite) {
    all.sealing[suite].forget(static_cast<AeadSuite>(suite), key);
    all.opening[suite].forget(static_cast<AeadSuite>(suite), key);
  }
}

}  // namespace sluice
