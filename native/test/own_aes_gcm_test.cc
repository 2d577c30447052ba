// AES-256-GCM by the processor's instructions: the test cases 13 to 15 of the GCM specification (McGrew and Viega), and lengths around a block. The GRUUs
// of test/services are opened by OpenSSL.
#include "core/crypto/own_aes_gcm.h"

#include <cstring>

#include "check.h"

namespace sluice::own_aes_gcm_test {
namespace {

std::string octets(const std::string& hex) {
  std::string out;
  for (size_t i = 0; i < hex.size(); i += 2) out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

std::string hex(const std::string& text) {
  std::string out;
  for (const char c : text) {
    out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    out += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

std::string sealed(const std::string& key, const std::string& iv, const std::string& clear) {
  const std::unique_ptr<Sealer> sealer = make_own_aes_gcm(reinterpret_cast<const uint8_t*>(key.data()));
  if (sealer == nullptr) return {};
  uint8_t nonce[Sealer::kIv];
  std::memcpy(nonce, iv.data(), sizeof nonce);
  // One octet more must stay as it is.
  std::string out(clear.size() + Sealer::kTag + 1, '!');
  CHECK(sealer->seal(nonce, clear, reinterpret_cast<uint8_t*>(out.data())));
  CHECK_EQ(out.back(), '!');
  out.pop_back();
  return out;
}

const std::string kText = octets(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255");

}  // namespace

TEST("AES-256-GCM by the instructions of the processor: the cases of the specification") {
  const std::string zero(kAes256Key, '\0'), key = octets("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
  if (make_own_aes_gcm(reinterpret_cast<const uint8_t*>(zero.data())) == nullptr) return;  // OpenSSL's is used here
  const std::string no_iv(Sealer::kIv, '\0'), iv = octets("cafebabefacedbaddecaf888");
  CHECK_EQ(hex(sealed(zero, no_iv, "")), "530f8afbc74536b9a963b4f1c4cb738b");
  CHECK_EQ(hex(sealed(zero, no_iv, std::string(16, '\0'))), "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
  CHECK_EQ(hex(sealed(key, iv, kText)),
           "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015adb094dac5d93471bdec1a502270e3cc6c");
}

// The octets of a shorter text are those of a longer one, and its tag is its own: the pads of a block that is not whole, and more blocks than are
// encrypted together.
TEST("AES-256-GCM by the instructions of the processor: every length up to 300 octets") {
  const std::string key = octets("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"), iv = octets("cafebabefacedbaddecaf888");
  if (make_own_aes_gcm(reinterpret_cast<const uint8_t*>(key.data())) == nullptr) return;
  std::string text;
  while (text.size() < 300) text += kText;
  const std::string whole = sealed(key, iv, text);
  CHECK_EQ(hex(whole.substr(0, 64)), hex(sealed(key, iv, kText).substr(0, 64)));
  std::string before;
  for (size_t size = 0; size <= 300; ++size) {
    const std::string one = sealed(key, iv, text.substr(0, size));
    CHECK_EQ(one.size(), size + Sealer::kTag);
    CHECK_EQ(hex(one.substr(0, size)), hex(whole.substr(0, size)));
    const std::string tag = one.substr(size);
    CHECK(tag != before);
    before = tag;
  }
}

}  // namespace sluice::own_aes_gcm_test
