#include "aead_context.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include <cstring>

#include "openssl_ptr.h"

namespace sluice {

// The functions of a cipher, as its provider offers them.
struct ProviderCipher {
  OSSL_FUNC_cipher_newctx_fn* make = nullptr;
  OSSL_FUNC_cipher_freectx_fn* free = nullptr;
  OSSL_FUNC_cipher_encrypt_init_fn* encrypts = nullptr;
  OSSL_FUNC_cipher_decrypt_init_fn* decrypts = nullptr;
  OSSL_FUNC_cipher_update_fn* update = nullptr;
  OSSL_FUNC_cipher_final_fn* final = nullptr;
  OSSL_FUNC_cipher_get_ctx_params_fn* get = nullptr;
  void* provider = nullptr;
  EVP_CIPHER* fetched = nullptr;  // kept for good, so that its provider stays

  explicit ProviderCipher(const char* name) noexcept {
    fetched = EVP_CIPHER_fetch(nullptr, name, nullptr);
    const OSSL_PROVIDER* const from = fetched == nullptr ? nullptr : EVP_CIPHER_get0_provider(fetched);
    if (from == nullptr) return;
    int no_cache = 0;
    const OSSL_ALGORITHM* const all = OSSL_PROVIDER_query_operation(from, OSSL_OP_CIPHER, &no_cache);
    for (const OSSL_ALGORITHM* one = all; one != nullptr && one->algorithm_names != nullptr; ++one)
      if (is_called(one->algorithm_names, name)) take(one->implementation);
    OSSL_PROVIDER_unquery_operation(from, OSSL_OP_CIPHER, all);
    provider = OSSL_PROVIDER_get0_provider_ctx(from);
  }
  bool is_whole() const noexcept { return make && free && encrypts && decrypts && update && final && get; }

 private:
  // `names` are separated by colons.
  static bool is_called(Text names, Text name) noexcept {
    for (;;) {
      const Text one = names.substr(0, names.find(':'));
      if (one.size() == name.size() && OPENSSL_strncasecmp(one.data(), name.data(), name.size()) == 0) return true;
      if (one.size() == names.size()) return false;
      names.remove_prefix(one.size() + 1);
    }
  }
  void take(const OSSL_DISPATCH* functions) noexcept {
    for (const OSSL_DISPATCH* one = functions; one->function_id != 0; ++one) {
      switch (one->function_id) {
        case OSSL_FUNC_CIPHER_NEWCTX: make = OSSL_FUNC_cipher_newctx(one); break;
        case OSSL_FUNC_CIPHER_FREECTX: free = OSSL_FUNC_cipher_freectx(one); break;
        case OSSL_FUNC_CIPHER_ENCRYPT_INIT: encrypts = OSSL_FUNC_cipher_encrypt_init(one); break;
        case OSSL_FUNC_CIPHER_DECRYPT_INIT: decrypts = OSSL_FUNC_cipher_decrypt_init(one); break;
        case OSSL_FUNC_CIPHER_UPDATE: update = OSSL_FUNC_cipher_update(one); break;
        case OSSL_FUNC_CIPHER_FINAL: final = OSSL_FUNC_cipher_final(one); break;
        case OSSL_FUNC_CIPHER_GET_CTX_PARAMS: get = OSSL_FUNC_cipher_get_ctx_params(one); break;
      }
    }
  }
};

namespace {

const char* name_of(size_t suite) noexcept {
  switch (static_cast<AeadSuite>(suite)) {
    case AeadSuite::aes_128_gcm: return "AES-128-GCM";
    case AeadSuite::aes_256_gcm: return "AES-256-GCM";
    case AeadSuite::chacha20_poly1305: return "ChaCha20-Poly1305";
  }
  return nullptr;
}

const ProviderCipher& cipher_of(size_t suite) noexcept {
  static const ProviderCipher all[] = {ProviderCipher(name_of(0)), ProviderCipher(name_of(1)), ProviderCipher(name_of(2))};
  return all[suite];
}

OSSL_PARAM tag_of(uint8_t* tag) noexcept { return OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, kAeadTag); }

}  // namespace

bool has_aead(AeadSuite suite) noexcept { return cipher_of(static_cast<size_t>(suite)).is_whole(); }

size_t key_size(AeadSuite suite) noexcept { return suite == AeadSuite::aes_128_gcm ? 16 : 32; }

bool AeadContext::seal(AeadSuite suite, const uint8_t* key, const uint8_t* nonce, Text associated, uint8_t* text, size_t size, uint8_t* tag) noexcept {
  OSSL_PARAM wanted[2] = {tag_of(tag), OSSL_PARAM_construct_end()};
  size_t done = 0;
  return set(suite, true, key, nonce, nullptr) && run(associated, text, text, size) && cipher_->final(context_, text + size, &done, kAeadTag) == 1 &&
         cipher_->get(context_, wanted) == 1;
}

bool AeadContext::open(AeadSuite suite, const uint8_t* key, const uint8_t* nonce, Text associated, const uint8_t* sealed, size_t size, uint8_t* plain) noexcept {
  uint8_t tag[kAeadTag];
  std::memcpy(tag, sealed + size, sizeof tag);
  const OSSL_PARAM wanted[2] = {tag_of(tag), OSSL_PARAM_construct_end()};
  size_t done = 0;
  return set(suite, false, key, nonce, wanted) && run(associated, sealed, plain, size) && cipher_->final(context_, plain + size, &done, kAeadTag) == 1;
}

void AeadContext::forget(AeadSuite suite, const uint8_t* gone) noexcept {
  if (is_keyed_ && std::memcmp(key_, gone, key_size(suite)) == 0) drop();
}

// `params`: of the provider, or nullptr.
bool AeadContext::set(AeadSuite suite, bool seals, const uint8_t* wanted, const uint8_t* nonce, const void* params) noexcept {
  const size_t size = key_size(suite);
  if (context_ == nullptr) {
    cipher_ = &cipher_of(static_cast<size_t>(suite));
    context_ = cipher_->is_whole() ? cipher_->make(cipher_->provider) : nullptr;
    if (context_ == nullptr) return false;
  }
  const bool is_same = is_keyed_ && std::memcmp(key_, wanted, size) == 0;
  is_keyed_ = false;
  if (!is_same) std::memcpy(key_, wanted, size);
  const auto init = seals ? cipher_->encrypts : cipher_->decrypts;
  if (init(context_, is_same ? nullptr : wanted, is_same ? 0 : size, nonce, kAeadNonce, static_cast<const OSSL_PARAM*>(params)) != 1) return false;
  is_keyed_ = true;
  return true;
}

bool AeadContext::run(Text associated, const uint8_t* from, uint8_t* to, size_t size) noexcept {
  size_t done = 0;
  const auto* const extra = reinterpret_cast<const uint8_t*>(associated.data());
  return (associated.empty() || cipher_->update(context_, nullptr, &done, associated.size(), extra, associated.size()) == 1) &&
         (size == 0 || cipher_->update(context_, to, &done, size, from, size) == 1);
}

// The provider overwrites the key schedule.
void AeadContext::drop() noexcept {
  OPENSSL_cleanse(key_, sizeof key_);
  if (context_ != nullptr) cipher_->free(context_);
  context_ = nullptr;
  is_keyed_ = false;
}

}  // namespace sluice
