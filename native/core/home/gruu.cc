#include "core/home/gruu.h"

#include <sys/random.h>

#include <algorithm>
#include <cstring>

#include "core/base/base64url.h"
#include "core/crypto/hmac.h"
#include "core/sip/char_class.h"

namespace sluice {
namespace {

constexpr size_t kMostClear = 2'048;
constexpr size_t kMostNamed = 4'096;

// Escapes what may not stand in a URI parameter (RFC 3261 25.1, paramchar).
void put_escaped(Text text, Writer& out) noexcept {
  constexpr Text kHex = "0123456789ABCDEF";
  const char* const end = text.data() + text.size();
  for (const char* p = text.data();; ++p) {
    const char* const run = p;
    p = CharRuns().skip(p, end, kChar_uri_param);
    out.put(Text(run, static_cast<size_t>(p - run)));
    if (p == end) return;
    const auto octet = static_cast<unsigned char>(*p);
    out.put('%');
    out.put(kHex[octet >> 4]);
    out.put(kHex[octet & 15]);
  }
}

}  // namespace

bool write_gruu_life(const Binding& binding, char (&out)[kGruuLife]) noexcept {
  char named[kMostNamed];
  Writer name(named, sizeof named);
  for (const Text part : {binding[Part::key], Text("\n"), binding[Part::call_id]}) name.put(part);
  if (name.full()) return false;
  uint8_t digest[kSha256Size];
  sha256(named, name.size(), digest);
  std::memcpy(out, digest, sizeof out);
  return true;
}

bool GruuWriter::put(Text aor, const Binding& binding, Writer& out) noexcept {
  out.put(";pub-gruu=\"");
  out.put(aor);
  out.put(";gr=");
  put_escaped(binding[Part::instance], out);
  out.put("\";temp-gruu=\"");
  const bool sealed = put_temporary(aor, binding, out);
  out.put('"');
  return sealed && !out.full();
}

bool GruuWriter::put_temporary(Text aor, const Binding& binding, Writer& out) noexcept {
  char life[kGruuLife];
  if (!write_gruu_life(binding, life)) return false;
  char octets[kMostClear];
  Writer clear(octets, sizeof octets);
  for (const Text part : {Text(life, sizeof life), aor, Text("\n"), binding[Part::instance]}) clear.put(part);
  if (clear.full()) return false;
  uint8_t iv[Sealer::kIv];
  take_iv(iv);
  uint8_t sealed[Sealer::kIv + kMostClear + Sealer::kTag];
  std::memcpy(sealed, iv, sizeof iv);
  if (!sealer_->seal(iv, clear.text(), sealed + sizeof iv)) return false;
  char text[base64url_size(sizeof sealed)];
  out.put("sip:tgruu.");
  out.put(Text(text, base64url_encode(sealed, sizeof iv + clear.size() + Sealer::kTag, text)));
  out.put(aor.substr(std::min(aor.rfind('@'), aor.size())));
  out.put(";gr");
  return true;
}

void GruuWriter::take_iv(uint8_t (&iv)[Sealer::kIv]) noexcept {
  if (pool_at_ == kPool) {
    for (size_t got = 0; got < kPool;) {
      const ssize_t size = getrandom(pool_ + got, kPool - got, 0);
      if (size > 0) got += static_cast<size_t>(size);
    }
    pool_at_ = 0;
  }
  std::memcpy(iv, pool_ + pool_at_, sizeof iv);
  pool_at_ += sizeof iv;
}

}  // namespace sluice
