// Any octets as a PROXY header: a complete header stays the same whatever follows, and no prefix of a header is refused.
#include <cstdlib>

#include "core/transport/proxy_header.h"

using namespace sluice;

namespace {

void expect(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Text octets(reinterpret_cast<const char*>(data), size);
  ProxyHeader whole;
  const ProxyRead read = read_proxy_header(octets, whole);
  expect(read != ProxyRead::more || size < kMaxProxyHeader);
  if (read != ProxyRead::header) return 0;
  expect(whole.size > 0 && whole.size <= size && whole.size <= kMaxProxyHeader);
  ProxyHeader again;
  expect(read_proxy_header(octets.substr(0, whole.size), again) == ProxyRead::header && again.size == whole.size && again.client == whole.client);
  for (size_t cut = 0; cut < whole.size; ++cut) expect(read_proxy_header(octets.substr(0, cut), again) == ProxyRead::more);
  return 0;
}
