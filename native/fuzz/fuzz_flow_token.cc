// Any octets as the user part of a Route URI: only what the ring has signed is ok, and nothing is read out of bounds.
#include <cstdlib>
#include <cstring>

#include "core/flow/flow_token.h"

using namespace sluice;

namespace {

void expect(bool condition) {
  if (!condition) std::abort();
}

KeyRing make_ring() {
  KeyRing ring;
  const uint8_t key[20] = {1, 2, 3};
  expect(ring.add(5, key, sizeof key));
  return ring;
}

const KeyRing kRing = make_ring();

// A token that is ok must be exactly what we would make ourselves; nobody guesses a MAC.
void check_reading(Text user) {
  FlowName flow;
  Side side = Side::client;
  if (read_token(kRing, user, flow, side) != TokenVerdict::ok) return;
  char again[kMaxTokenText];
  const size_t size = make_token(kRing, flow, side, again);
  FlowName other;
  expect(size > 0 && read_token(kRing, Text(again, size), other, side) == TokenVerdict::ok);
  expect(user.size() > size || user == Text(again, size));
}

// Alters one character of a real token: octet 0 says where, octet 1 to what.
void check_altered(const uint8_t* data, size_t size) {
  if (size < 48) return;
  FlowName flow;
  flow.kind = data[2] & 1 ? FlowKind::udp : FlowKind::stream;
  flow.shard = data[3] & 0x3F;  // a token has six bits for it
  std::memcpy(&flow.boot, data + 4, 2);
  std::memcpy(&flow.generation, data + 6, 4);
  std::memcpy(flow.remote.ip, data + 10, 16);
  std::memcpy(flow.local.ip, data + 26, 16);
  if (data[2] & 2) {
    parse_ip("192.0.2.1", flow.remote);
    parse_ip("192.0.2.2", flow.local);
  }
  std::memcpy(&flow.remote.port, data + 42, 2);
  char token[kMaxTokenText];
  const size_t length = make_token(kRing, flow, Side::client, token);
  FlowName read;
  Side side = Side::core;
  expect(read_token(kRing, Text(token, length), read, side) == TokenVerdict::ok && side == Side::client);
  expect(read.shard == flow.shard && read.generation == (flow.kind == FlowKind::stream ? flow.generation : 0));
  char& altered = token[data[0] % length];
  if (altered == static_cast<char>(data[1])) return;
  altered = static_cast<char>(data[1]);
  const TokenVerdict verdict = read_token(kRing, Text(token, length), read, side);
  expect(verdict == TokenVerdict::forged || verdict == TokenVerdict::unknown_key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  check_reading(Text(reinterpret_cast<const char*>(data), size));
  check_altered(data, size);
  return 0;
}
