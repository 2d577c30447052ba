// Any datagram as STUN: responses are well formed and short.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "core/transport/stun.h"

using namespace sluice;

namespace {

void expect(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  for (const char* ip : {"192.0.2.1", "2001:db8::1"}) {
    Address source;
    parse_ip(ip, source);
    source.port = 49152;
    uint8_t out[kMaxStunReply];
    size_t length = 0;
    const StunResult result = answer_stun(data, size, source, out, &length);
    expect((result == StunResult::not_stun) == (size == 0 || data[0] > 1));
    if (result != StunResult::reply) continue;
    expect(length >= 20 && length <= sizeof out && length <= std::max<size_t>(64, 2 * size));
    expect(size >= 20 && length == 20u + (size_t{out[2]} << 8 | out[3]) && length % 4 == 0);
    expect(out[0] == 1 && (out[1] == 0x01 || out[1] == 0x11));
    expect(std::memcmp(out + 4, data + 4, 16) == 0);
  }
  return 0;
}
