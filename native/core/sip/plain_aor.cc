#include "core/sip/plain_aor.h"

#include <cstring>

#include "core/sip/name_addr.h"

namespace sluice {

size_t write_plain_aor(Text value, char* out) noexcept {
  NameAddr address;
  Uri uri;
  if (!parse_name_addr(value, address) || !parse_uri(address.uri_text, uri) || uri.scheme >= Scheme::urn) return 0;
  size_t size = 0;
  for (Text part : {uri.scheme_text, Text(":"), uri.user, uri.has_user ? Text("@") : Text(), uri.host}) {
    if (size + part.size() > kMaxPlainAor) return 0;
    if (part.empty()) continue;
    std::memcpy(out + size, part.data(), part.size());
    size += part.size();
  }
  return size;
}

}  // namespace sluice
