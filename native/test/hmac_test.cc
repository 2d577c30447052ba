// HMAC-SHA-256: the vectors of RFC 4231, and both compression functions against each other.
#include "core/crypto/hmac.h"

#include <cstring>

#include "core/crypto/sha256.h"
#include "check.h"

namespace sluice::hmac_test {
namespace {

std::string hex(const uint8_t* octets, size_t size = kSha256Size) {
  std::string out;
  for (size_t i = 0; i < size; ++i) {
    out += "0123456789abcdef"[octets[i] >> 4];
    out += "0123456789abcdef"[octets[i] & 15];
  }
  return out;
}

std::string digest(const std::string& message) {
  uint8_t out[kSha256Size];
  sha256(message.data(), message.size(), out);
  return hex(out);
}

std::string mac(const std::string& key, const std::string& message) {
  uint8_t out[kSha256Size];
  HmacKey(reinterpret_cast<const uint8_t*>(key.data()), key.size()).mac(message.data(), message.size(), out);
  return hex(out);
}

// SHA-256 with the padding of FIPS 180-4 5.1.1, using the given compression function.
std::string digest_by(Sha256Compress compress, std::string message) {
  const uint64_t bits = message.size() * 8;
  message += '\x80';
  while (message.size() % 64 != 56) message += '\0';
  for (int shift = 56; shift >= 0; shift -= 8) message += static_cast<char>(bits >> shift);
  uint32_t state[8];
  std::memcpy(state, kSha256Start, sizeof state);
  compress(state, reinterpret_cast<const uint8_t*>(message.data()), message.size() / 64);
  uint8_t out[kSha256Size];
  for (int i = 0; i < 32; ++i) out[i] = static_cast<uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
  return hex(out);
}

std::string noise(size_t size) {
  std::string out;
  for (uint32_t value = 12345; out.size() < size;) out += static_cast<char>((value = value * 1664525 + 1013904223) >> 24);
  return out;
}

}  // namespace

TEST("OB-5.2-2 SHA-256: the examples of FIPS 180-4") {
  const std::pair<std::string, std::string_view> cases[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {std::string(1000000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"}};
  for (const auto& [message, expected] : cases) {
    CHECK_EQ(digest(message), expected);
    CHECK_EQ(digest_by(sha256_compress_portable, message), expected);
    CHECK_EQ(digest_by(sha256_compress(), message), expected);
  }
}

TEST("OB-5.2-2 SHA-256: the portable and the chosen compression agree on every length up to 260") {
  for (size_t size = 0; size <= 260; ++size) {
    const std::string message = noise(size);
    const std::string expected = digest_by(sha256_compress_portable, message);
    CHECK_EQ(digest_by(sha256_compress(), message), expected);
    CHECK_EQ(digest(message), expected);
  }
}

TEST("OB-5.2-2 SHA-256: blocks need no alignment") {
  const std::string message = noise(300);
  for (size_t at = 0; at < 64; ++at) {
    uint32_t one[8], other[8];
    std::memcpy(one, kSha256Start, sizeof one);
    std::memcpy(other, kSha256Start, sizeof other);
    const auto* block = reinterpret_cast<const uint8_t*>(message.data()) + at;
    sha256_compress_portable(one, block, 3);
    sha256_compress()(other, block, 3);
    CHECK(std::memcmp(one, other, sizeof one) == 0);
  }
}

TEST("OB-5.2-2 HMAC-SHA-256: the vectors of RFC 4231") {
  std::string counting;
  for (char c = 1; c <= 25; ++c) counting += c;
  const std::string long_key(131, '\xaa');
  CHECK_EQ(mac(std::string(20, '\x0b'), "Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK_EQ(mac("Jefe", "what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK_EQ(mac(std::string(20, '\xaa'), std::string(50, '\xdd')), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  CHECK_EQ(mac(counting, std::string(50, '\xcd')), "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
  CHECK_EQ(mac(std::string(20, '\x0c'), "Test With Truncation").substr(0, 32), "a3b6167473100ee06e0c796c2955552b");
  CHECK_EQ(mac(long_key, "Test Using Larger Than Block-Size Key - Hash Key First"),
           "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  CHECK_EQ(mac(long_key,
               "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before "
               "being used by the HMAC algorithm."),
           "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

TEST("OB-5.2-2 HMAC-SHA-256: composed as in RFC 2104, for keys and messages of every size around a block") {
  for (size_t key_size = 0; key_size <= 130; key_size += 13) {
    std::string key = noise(key_size);
    std::string padded = key;
    if (key.size() > 64) {
      uint8_t hashed[kSha256Size];
      sha256(key.data(), key.size(), hashed);
      padded.assign(reinterpret_cast<const char*>(hashed), sizeof hashed);
    }
    padded.resize(64, '\0');
    std::string inner = padded, outer = padded;
    for (char& c : inner) c = static_cast<char>(c ^ 0x36);
    for (char& c : outer) c = static_cast<char>(c ^ 0x5c);
    for (size_t size = 0; size <= 130; ++size) {
      const std::string message = noise(size);
      const std::string whole = inner + message;
      uint8_t hashed[kSha256Size];
      sha256(whole.data(), whole.size(), hashed);
      CHECK_EQ(mac(key, message), digest(outer + std::string(reinterpret_cast<const char*>(hashed), sizeof hashed)));
    }
  }
}

}  // namespace sluice::hmac_test
