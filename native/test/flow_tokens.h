// Flows, keys and tokens for tests.
#pragma once

#include <string>

#include "core/base/base64url.h"
#include "core/flow/flow_token.h"
#include "check.h"

namespace sluice::test {

inline const std::string kSecret = "a key of twenty-four oct";
inline const std::string kOtherSecret = "and another, of the same";

inline KeyRing ring_of(std::initializer_list<std::pair<uint8_t, std::string>> keys) {
  KeyRing ring;
  for (const auto& [id, key] : keys) CHECK(ring.add(id, reinterpret_cast<const uint8_t*>(key.data()), key.size()));
  return ring;
}

inline const KeyRing kRing = ring_of({{5, kSecret}});

inline Address address(Text ip, uint16_t port) {
  Address out;
  CHECK(parse_ip(ip, out));
  out.port = port;
  return out;
}

inline FlowName stream_flow() {
  FlowName flow;
  flow.shard = 3;
  flow.boot = 0xBEEF;
  flow.slot = 0xABCDEF;
  flow.generation = 0xDEADBEEF;
  return flow;
}

inline FlowName udp_flow(Text remote = "192.0.2.44", Text local = "198.51.100.7") {
  FlowName flow;
  flow.kind = FlowKind::udp;
  flow.shard = 7;
  flow.birth = 0xC0FFEE;
  flow.remote = address(remote, 49152);
  flow.local = address(local, 5060);
  return flow;
}

inline FlowName udp6_flow() { return udp_flow("2001:db8::44", "2001:db8:7::1"); }

inline std::string token(const FlowName& flow, const KeyRing& ring = kRing, Side side = Side::client) {
  char out[kMaxTokenText + 1];
  out[kMaxTokenText] = '#';
  const size_t size = make_token(ring, flow, side, out);
  CHECK(size <= kMaxTokenText && out[kMaxTokenText] == '#');
  return std::string(out, size);
}

inline bool same(const FlowName& a, const FlowName& b) {
  return a.kind == b.kind && a.node == b.node && a.shard == b.shard && a.boot == b.boot && a.slot == b.slot && a.generation == b.generation &&
         a.birth == b.birth && a.remote == b.remote && a.local == b.local;
}

inline TokenVerdict verdict(Text user, const KeyRing& ring = kRing) {
  FlowName flow;
  Side side = Side::client;
  return read_token(ring, user, flow, side);
}

inline FlowName flow_of(Text user, const KeyRing& ring = kRing) {
  FlowName flow;
  Side side = Side::client;
  CHECK_EQ(read_token(ring, user, flow, side), TokenVerdict::ok);
  return flow;
}

inline std::string escaped(char c, bool upper = true) {
  const char* digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  return {'%', digits[static_cast<uint8_t>(c) >> 4], digits[c & 15]};
}

inline std::string all_escaped(const std::string& text) {
  std::string out;
  for (char c : text) out += escaped(c);
  return out;
}

inline std::string octets_of(const std::string& text) {
  std::string out(60, '\0');
  const int size = base64url_decode(text, reinterpret_cast<uint8_t*>(out.data()), out.size());
  CHECK(size > 0);
  return out.substr(0, static_cast<size_t>(size));
}

inline std::string text_of_octets(const std::string& octets) {
  std::string out(base64url_size(octets.size()), '\0');
  base64url_encode(reinterpret_cast<const uint8_t*>(octets.data()), octets.size(), out.data());
  return out;
}

inline const FlowName kFlows[] = {stream_flow(), udp_flow(), udp6_flow()};

}  // namespace sluice::test
