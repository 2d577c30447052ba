// The flow token: its contents, its keys, and escaped copies.
#include "flow_tokens.h"

#include <algorithm>

namespace sluice::flow_token_test {
using namespace test;

TEST("OB-5.1-8 a token is short and needs no escaping in a user part") {
  const size_t lengths[] = {32, 40, 72};
  for (int i = 0; i < 3; ++i) {
    const std::string text = token(kFlows[i]);
    CHECK_EQ(text.size(), lengths[i]);
    for (char c : text) CHECK(is_base64url(c));
  }
}

TEST("OB-5.2-3 a token yields the complete flow it was made for") {
  for (const FlowName& flow : kFlows) {
    for (Side side : {Side::client, Side::core}) {
      FlowName got;
      Side got_side = side == Side::client ? Side::core : Side::client;
      CHECK_EQ(read_token(kRing, token(flow, kRing, side), got, got_side), TokenVerdict::ok);
      CHECK(same(got, flow));
      CHECK_EQ(got_side, side);
    }
  }
}

TEST("OB-5.2-3 everything that distinguishes flows is in the token: connection, protocol, both addresses") {
  std::vector<std::string> tokens;
  const auto differs = [&](const FlowName& flow, Side side = Side::client) { tokens.push_back(token(flow, kRing, side)); };
  const auto stream = [&](auto change) { FlowName flow = stream_flow(); change(flow); differs(flow); };
  const auto udp = [&](auto change) { FlowName flow = udp_flow(); change(flow); differs(flow); };
  differs(stream_flow()), differs(udp_flow()), differs(stream_flow(), Side::core), differs(udp_flow(), Side::core), differs(udp6_flow());
  stream([](FlowName& flow) { flow.generation += 1; });
  stream([](FlowName& flow) { flow.slot ^= 1; });
  stream([](FlowName& flow) { flow.boot ^= 0x100; });
  stream([](FlowName& flow) { flow.shard = 255; });
  udp([](FlowName& flow) { flow.remote.port += 1; });
  udp([](FlowName& flow) { flow.local.port += 1; });
  udp([](FlowName& flow) { flow.remote.ip[15] ^= 1; });
  udp([](FlowName& flow) { flow.local.ip[12] ^= 1; });
  udp([](FlowName& flow) { flow.birth ^= 0x10000; });
  udp([](FlowName& flow) { std::swap(flow.remote, flow.local); });
  for (const std::string& text : tokens) CHECK_EQ(std::count(tokens.begin(), tokens.end(), text), 1);
}

TEST("OB-5.2-3 smallest and largest numbers survive") {
  for (uint32_t all : {0u, ~0u}) {
    FlowName flow;
    flow.shard = static_cast<uint8_t>(all & 63);
    flow.boot = static_cast<uint16_t>(all);
    flow.slot = all & 0xFFFFFF;
    flow.generation = all;
    CHECK(same(flow_of(token(flow)), flow));
    flow = udp_flow();
    flow.shard = static_cast<uint8_t>(all & 63);
    flow.birth = all & 0xFFFFFF;
    flow.remote.port = flow.local.port = static_cast<uint16_t>(all);
    CHECK(same(flow_of(token(flow)), flow));
  }
}

TEST("a token names the node of the farm that made it, next to the shard, and no bit of it can be changed") {
  const uint8_t key[kMinFlowKey] = {7};
  for (const int node : {0, 1, 31, 32, 127}) {
    KeyRing ring(static_cast<uint8_t>(node));
    ring.add(5, key, sizeof key);
    for (FlowName flow : {stream_flow(), udp_flow()}) {
      flow.shard = 63;
      flow.node = static_cast<uint8_t>(node);
      const std::string text = token(flow, ring);
      KeyRing reader(99);
      reader.add(5, key, sizeof key);
      CHECK(same(flow_of(text, reader), flow));
      for (const auto& [at, bits] : {std::pair<size_t, int>{1, 0x1F}, {2, 0xFF}}) {
        for (int bit = 1; bit <= bits; bit <<= 1) {
          std::string octets = octets_of(text);
          octets[at] = static_cast<char>(octets[at] ^ bit);
          CHECK_EQ(verdict(text_of_octets(octets), reader), TokenVerdict::forged);
        }
      }
    }
  }
}

TEST("OB-5.2-2 keys have at least 160 bits, and each id has one key") {
  KeyRing ring;
  const auto* key = reinterpret_cast<const uint8_t*>(kSecret.data());
  CHECK(!ring.add(1, key, 19));
  CHECK(!ring.add(1, key, 0));
  CHECK(!ring.add(64, key, 20));
  CHECK(ring.empty());
  CHECK(ring.add(1, key, 20));
  CHECK(!ring.add(1, key, 24));
  for (uint8_t id = 48; id <= KeyRing::kMaxKeyId && id - 48 < 15; ++id) CHECK(ring.add(id, key, 24));
  CHECK(!ring.add(7, key, 24));
  ring.clear();
  CHECK(ring.empty());
}

TEST("OB-5.2-2 every octet of the key matters") {
  for (size_t size : {20u, 64u, 65u, 100u}) {
    const std::string key(size, 'k');
    const std::string text = token(stream_flow(), ring_of({{5, key}}));
    CHECK_EQ(verdict(text, ring_of({{5, key}})), TokenVerdict::ok);
    for (size_t at : {size_t{0}, size / 2, size - 1}) {
      std::string other = key;
      other[at] ^= 1;
      CHECK_EQ(verdict(text, ring_of({{5, other}})), TokenVerdict::forged);
    }
  }
}

TEST("OB-5.2-2 what a ring remembers changes no verdict: a thousand flows in turn, altered tokens of each, another key with the same id") {
  KeyRing ring = ring_of({{5, kSecret}});
  for (int round = 0; round < 2; ++round) {
    for (uint32_t i = 0; i < 1000; ++i) {
      FlowName flow = i % 3 == 0 ? stream_flow() : kFlows[i % 3];
      if (flow.kind == FlowKind::stream) flow.generation = i;
      else flow.remote.port = static_cast<uint16_t>(1 + i);
      for (const Side side : {Side::client, Side::core}) {
        char text[kMaxTokenText];
        const Text made(text, make_token(ring, flow, side, text));
        CHECK_EQ(std::string(made), token(flow, ring_of({{5, kSecret}}), side));
        FlowName read;
        Side of = Side::client;
        CHECK_EQ(read_token(ring, made, read, of), TokenVerdict::ok);
        CHECK(of == side);
        std::string altered(made);
        altered[(i + 6) % altered.size()] ^= 1;
        CHECK(verdict(altered, ring) != TokenVerdict::ok);
        CHECK_EQ(verdict(std::string(made), ring), TokenVerdict::ok);
      }
    }
  }
  const std::string before = token(stream_flow(), ring);
  CHECK_EQ(verdict(before, ring), TokenVerdict::ok);
  ring.clear();
  CHECK_EQ(verdict(before, ring), TokenVerdict::unknown_key);
  CHECK(ring.add(5, reinterpret_cast<const uint8_t*>(kOtherSecret.data()), kOtherSecret.size()));
  CHECK_EQ(verdict(before, ring), TokenVerdict::forged);
}

TEST("OB-5.2-5 the first key signs, all verify, and a removed key is unknown") {
  const std::string old_token = token(stream_flow(), ring_of({{5, kSecret}}));
  const KeyRing both = ring_of({{6, kOtherSecret}, {5, kSecret}});
  CHECK_EQ(verdict(old_token, both), TokenVerdict::ok);
  const std::string new_token = token(stream_flow(), both);
  CHECK(new_token != old_token);
  CHECK_EQ(verdict(new_token, both), TokenVerdict::ok);
  const KeyRing only_new = ring_of({{6, kOtherSecret}});
  CHECK_EQ(token(stream_flow(), only_new), new_token);
  CHECK_EQ(verdict(new_token, only_new), TokenVerdict::ok);
  CHECK_EQ(verdict(old_token, only_new), TokenVerdict::unknown_key);
}

TEST("D4 after a restart with the same keys an old token is authentic and names the old boot") {
  const std::string before = token(stream_flow(), ring_of({{5, kSecret}}));
  CHECK_EQ(flow_of(before, ring_of({{5, kSecret}})).boot, stream_flow().boot);
}

TEST("D4 an unknown key differs from a wrong key: 430 for one, 403 for the other") {
  for (const FlowName& flow : kFlows) {
    CHECK_EQ(verdict(token(flow), ring_of({{6, kSecret}})), TokenVerdict::unknown_key);
    CHECK_EQ(verdict(token(flow), ring_of({{5, kOtherSecret}})), TokenVerdict::forged);
  }
}

TEST("D4 only text in the right format can have an unknown key") {
  const KeyRing other = ring_of({{6, kSecret}});
  const std::string octets = octets_of(token(stream_flow()));
  const auto altered = [&](size_t at, int mask) {
    std::string text = octets;
    text[at] = static_cast<char>(text[at] ^ mask);
    return verdict(text_of_octets(text), other);
  };
  CHECK_EQ(altered(11, 1), TokenVerdict::unknown_key);
  for (int bit : {0x80, 0x40}) CHECK_EQ(altered(0, bit), TokenVerdict::forged);        // version
  for (int bit : {0x80, 0x40, 0xC0}) CHECK_EQ(altered(1, bit), TokenVerdict::forged);  // another kind has another length
  CHECK_EQ(verdict(text_of_octets(octets + octets.substr(0, 3)), other), TokenVerdict::forged);
}

TEST("D4 OB-5.1-20 without a key no token is made and none is good") {
  char out[kMaxTokenText];
  CHECK_EQ(make_token(KeyRing(), stream_flow(), Side::client, out), 0u);
  CHECK_EQ(verdict(token(stream_flow()), KeyRing()), TokenVerdict::unknown_key);
  CHECK_EQ(verdict("alice", KeyRing()), TokenVerdict::none);
}

TEST("OB-5.2-8 an escaped copy is the same token") {
  for (const FlowName& flow : kFlows) {
    const std::string text = token(flow);
    CHECK(same(flow_of(all_escaped(text)), flow));
    for (size_t at = 0; at < text.size(); ++at)
      for (bool upper : {true, false}) CHECK(same(flow_of(text.substr(0, at) + escaped(text[at], upper) + text.substr(at + 1)), flow));
  }
}

TEST("OB-5.2-8 escapes are undone once") {
  const std::string text = token(stream_flow());
  CHECK_EQ(verdict("%25" + escaped(text[0]).substr(1) + text.substr(1)), TokenVerdict::forged);
}

TEST("OB-5.2-11 IPv6 flows, and v4-mapped sources as IPv4 flows") {
  for (Text remote : {"2001:db8::44", "::1", "fe80::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
    const FlowName flow = udp_flow(remote, "::1");
    CHECK_EQ(token(flow).size(), 72u);
    CHECK(same(flow_of(token(flow)), flow));
  }
  CHECK_EQ(token(udp_flow("::ffff:192.0.2.44")), token(udp_flow("192.0.2.44")));
  const FlowName mixed = udp_flow("192.0.2.44", "2001:db8::1");
  CHECK(same(flow_of(token(mixed)), mixed));
  CHECK(flow_of(token(mixed)).remote.is_v4());
}

}  // namespace sluice::flow_token_test
