#include "aes_gcm.h"

#include <openssl/evp.h>

#include "core/crypto/own_aes_gcm.h"
#include "openssl_ptr.h"

namespace sluice {
namespace {

// One context with the key set up once; only the IV changes.
class AesGcm final : public Sealer {
 public:
  explicit AesGcm(OpensslPtr<EVP_CIPHER_CTX> context) noexcept : context_(std::move(context)) {}

  bool seal(const uint8_t (&iv)[kIv], Text clear, uint8_t* out) noexcept override {
    int size = 0;
    int rest = 0;
    return EVP_EncryptInit_ex(context_.get(), nullptr, nullptr, nullptr, iv) == 1 &&
           EVP_EncryptUpdate(context_.get(), out, &size, reinterpret_cast<const uint8_t*>(clear.data()), static_cast<int>(clear.size())) == 1 &&
           EVP_EncryptFinal_ex(context_.get(), out + size, &rest) == 1 &&
           EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(kTag), out + size + rest) == 1;
  }

 private:
  OpensslPtr<EVP_CIPHER_CTX> context_;
};

}  // namespace

std::unique_ptr<Sealer> make_aes_gcm(const uint8_t* key) noexcept {
  if (std::unique_ptr<Sealer> own = make_own_aes_gcm(key); own != nullptr) return own;
  OpensslPtr<EVP_CIPHER_CTX> context(EVP_CIPHER_CTX_new());
  if (!context || EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key, nullptr) != 1) return nullptr;
  return std::make_unique<AesGcm>(std::move(context));
}

}  // namespace sluice
