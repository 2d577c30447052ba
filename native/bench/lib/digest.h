// The hashes of digest authentication (RFC 7616), by OpenSSL.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#ifdef BENCH_TLS
#include <openssl/evp.h>
#endif

namespace sluice::bench {

enum class Digest { kNone, kMd5, kSha256 };

inline const char* name_of(Digest digest) noexcept { return digest == Digest::kSha256 ? "SHA-256" : "MD5"; }

inline Digest digest_named(const std::string& name) {
  if (name == "none") return Digest::kNone;
#ifdef BENCH_TLS
  if (name == "md5") return Digest::kMd5;
  if (name == "sha256") return Digest::kSha256;
#endif
  std::fprintf(stderr, "no digest %s here; without libssl-dev there is only none\n", name.c_str());
  std::exit(2);
}

inline std::string hash_hex([[maybe_unused]] Digest digest, [[maybe_unused]] const std::string& text) {
  std::string hex;
#ifdef BENCH_TLS
  unsigned char octets[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), octets, &size, digest == Digest::kSha256 ? EVP_sha256() : EVP_md5(), nullptr);
  for (unsigned i = 0; i < size; ++i) hex += "0123456789abcdef"[octets[i] >> 4], hex += "0123456789abcdef"[octets[i] & 15];
#endif
  return hex;
}

}  // namespace sluice::bench
