#include "aes_gcm.h"

#include <openssl/crypto.h>

#include <cstring>

#include "aead_context.h"

namespace sluice {
namespace {

class AesGcm final : public Sealer {
 public:
  explicit AesGcm(const uint8_t* key) noexcept { std::memcpy(key_, key, sizeof key_); }

  ~AesGcm() override { OPENSSL_cleanse(key_, sizeof key_); }

  bool seal(const uint8_t (&iv)[kIv], Text clear, uint8_t* out) noexcept override {
    std::memcpy(out, clear.data(), clear.size());
    return context_.seal(AeadSuite::aes_256_gcm, key_, iv, Text(), out, clear.size(), out + clear.size());
  }

 private:
  static_assert(kIv == kAeadNonce && kTag == kAeadTag);
  AeadContext context_;
  uint8_t key_[32];
};

}  // namespace

std::unique_ptr<Sealer> make_aes_gcm(const uint8_t* key) noexcept {
  if (!has_aead(AeadSuite::aes_256_gcm)) return nullptr;
  return std::make_unique<AesGcm>(key);
}

}  // namespace sluice
