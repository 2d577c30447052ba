// Nanoseconds for what any message may need: making and checking a token (OB-5.2-12), a hash, a STUN response (OB-8-12), a MAC.
#include <chrono>
#include <cstdio>
#include <cstring>

#include "core/flow/flow_token.h"
#include "core/crypto/sha256.h"
#include "core/crypto/siphash.h"
#include "core/transport/stun.h"

namespace {

using namespace sluice;

constexpr int kRounds = 500'000;

// The best of several rounds; `work` returns a value so that the compiler cannot optimise it away.
template <typename Work>
double measure(const char* what, Work&& work) {
  double best = 1e9;
  uint64_t sum = 0;
  for (int turn = 0; turn < 7; ++turn) {
    const auto start = std::chrono::steady_clock::now();
    for (uint32_t i = 0; i < kRounds; ++i) sum += work(i);
    const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - start;
    best = std::min(best, spent.count() / kRounds);
  }
  std::printf("%-34s %7.1f ns%s\n", what, best, sum == 1 ? "." : "");
  return best;
}

FlowName udp_flow(Text remote, Text local) {
  FlowName flow;
  flow.kind = FlowKind::udp;
  flow.birth = 123456;
  parse_ip(remote, flow.remote);
  parse_ip(local, flow.local);
  flow.remote.port = 49152;
  flow.local.port = 5060;
  return flow;
}

// `reader`: a separate ring, which has not seen what the other one has made.
void measure_token(const KeyRing& ring, const KeyRing& reader, const char* name, FlowName flow) {
  char text[kMaxTokenText];
  char label[64];
  const auto make = [&](uint32_t i) {
    flow.generation = i;
    flow.birth = i & 0xFFFFFF;
    return make_token(ring, flow, Side::client, text);
  };
  const auto check = [&](size_t size) {
    FlowName read;
    Side side;
    return static_cast<uint64_t>(read_token(reader, Text(text, size), read, side)) + read.generation;
  };
  std::snprintf(label, sizeof label, "token %s: make", name);
  measure(label, make);
  std::snprintf(label, sizeof label, "token %s: make and check", name);
  measure(label, [&](uint32_t i) { return check(make(i)); });
  std::snprintf(label, sizeof label, "token %s: make for both sides", name);
  measure(label, [&](uint32_t i) { return make(i) + make_token(ring, flow, Side::core, text); });
}

}  // namespace

int main() {
  KeyRing ring;
  const uint8_t key[32] = {1, 2, 3, 4};
  ring.add(5, key, sizeof key);
  const KeyRing reader = ring;
  std::printf("SHA-256 by %s\n", sha256_compress() == sha256_compress_portable ? "portable code" : "the processor's instructions");

  FlowName stream;
  stream.slot = 4711;
  measure_token(ring, reader, "stream", stream);
  measure_token(ring, reader, "UDP/IPv4", udp_flow("192.0.2.44", "198.51.100.7"));
  measure_token(ring, reader, "UDP/IPv6", udp_flow("2001:db8::44", "2001:db8:7::1"));

  uint8_t data[64] = {};
  uint32_t state[8];
  std::memcpy(state, kSha256Start, sizeof state);
  measure("SHA-256 block, portable", [&](uint32_t) {
    sha256_compress_portable(state, data, 1);
    return state[0];
  });
  measure("SHA-256 block, chosen", [&](uint32_t) {
    sha256_compress()(state, data, 1);
    return state[0];
  });
  measure("SipHash of 64 octets", [&](uint32_t i) {
    std::memcpy(data, &i, sizeof i);
    return siphash({1, 2}, data, sizeof data);
  });

  Address source;
  parse_ip("192.0.2.1", source);
  source.port = 32853;
  uint8_t request[28] = {0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42};
  uint8_t answer[kMaxStunReply];
  measure("STUN answer", [&](uint32_t i) {
    std::memcpy(request + 8, &i, sizeof i);
    size_t size = 0;
    answer_stun(request, 20, source, answer, &size);
    return size + answer[28];
  });
  char text[kMaxIpText];
  measure("address to text", [&](uint32_t i) {
    source.ip[15] = static_cast<uint8_t>(i);
    return format_ip(source, text);
  });
  measure("text to address", [&](uint32_t i) {
    text[0] = static_cast<char>('1' + i % 2);
    return static_cast<uint64_t>(parse_ip(Text(text, 9), source)) + source.ip[12];
  });
  return 0;
}
