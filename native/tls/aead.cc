#include "aead.h"

namespace sluice {
namespace {

constexpr size_t kSuites = 3;

uint8_t* octets(char* text) noexcept { return reinterpret_cast<uint8_t*>(text); }
const uint8_t* octets(Text text) noexcept { return reinterpret_cast<const uint8_t*>(text.data()); }

struct AeadContexts {
  AeadContext sealing[kSuites];
  AeadContext opening[kSuites];
};

AeadContexts& contexts() noexcept {
  static thread_local AeadContexts of_thread;
  return of_thread;
}

}  // namespace

bool aead_seal(AeadSuite suite, const uint8_t* key, const uint8_t* nonce, Text associated, char* text, size_t size, char* tag) noexcept {
  return contexts().sealing[static_cast<size_t>(suite)].seal(suite, key, nonce, associated, octets(text), size, octets(tag));
}

bool aead_open(AeadSuite suite, const uint8_t* key, const uint8_t* nonce, Text associated, Text sealed, char* plain) noexcept {
  if (sealed.size() < kAeadTag) return false;
  return contexts().opening[static_cast<size_t>(suite)].open(suite, key, nonce, associated, octets(sealed), sealed.size() - kAeadTag, octets(plain));
}

void forget_key(const uint8_t* key) noexcept {
  AeadContexts& all = contexts();
  for (size_t suite = 0; suite < kSuites; ++suite) {
    all.sealing[suite].forget(static_cast<AeadSuite>(suite), key);
    all.opening[suite].forget(static_cast<AeadSuite>(suite), key);
  }
}

}  // namespace sluice
