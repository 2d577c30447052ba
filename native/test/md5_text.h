// MD5 as RFC 7616 writes it: lower-case hexadecimal digits.
#pragma once

#include <string>

#include "core/base/bytes.h"
#include "core/crypto/md5.h"

namespace sluice::test {

inline std::string md5_of(Text text) {
  uint8_t digest[kMd5Size];
  md5(text.data(), text.size(), digest);
  std::string out;
  for (const uint8_t octet : digest) {
    out += "0123456789abcdef"[octet >> 4];
    out += "0123456789abcdef"[octet & 15];
  }
  return out;
}

}  // namespace sluice::test
