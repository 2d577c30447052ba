// The MACs of a flow's tokens, kept with the flow: what is made and verified with them is what is made and verified without.
#include "core/relay/flow_macs.h"

#include "core/flow/flow_image.h"
#include "core/transport/stream_layer.h"
#include "flow_tokens.h"

namespace sluice::flow_macs_test {
using namespace test;

namespace {

constexpr Side kSides[] = {Side::client, Side::core};

std::string kept_token(const FlowName& flow, TokenMacs& kept, const KeyRing& ring = kRing, Side side = Side::client) {
  char out[kMaxTokenText];
  return std::string(out, make_token(ring, flow, side, out, &kept));
}

// `kept` is beside the flow `owner`, as its name is on whatever node.
TokenVerdict kept_verdict(Text user, const FlowName& owner, TokenMacs& kept, const KeyRing& ring = kRing) {
  FlowName flow;
  Side side = Side::client;
  return read_token(ring, user, flow, side, [&](FlowName named) -> TokenMacs* {
    named.node = owner.node;
    return same(named, owner) ? &kept : nullptr;
  });
}

bool same_macs(const TokenMacs& a, const TokenMacs& b) { return a.edition == b.edition && a.life == b.life && std::memcmp(a.octets, b.octets, sizeof a.octets) == 0; }

// With both MACs of another flow, so that whoever uses them is found out.
TokenMacs wrong_macs(const FlowName& flow, const KeyRing& ring) {
  TokenMacs kept{};
  kept.edition = ring.edition();
  kept.life = flow.kind == FlowKind::stream ? flow.generation : flow.birth;
  std::memset(kept.octets, 0xA5, sizeof kept.octets);
  return kept;
}

EdgeConfig config() {
  EdgeConfig out;
  Listener one;
  one.transport = Transport::udp;
  one.bound = address("198.51.100.7", 5060);
  Listener other = one;
  other.transport = Transport::tcp;
  out.listeners = {one, other};
  out.shard = 3;
  out.shards = 8;
  out.boot = 0xBEEF;
  return out;
}

struct Scene {
  EdgeConfig settings = config();
  SipKey key{1, 2};
  FlowTable flows{key, 100};

  uint32_t open_udp(uint32_t birth) {
    const uint32_t slot = flows.open(FlowKind::udp, address("192.0.2.44", 49152), 0);
    flows.at(slot).birth = birth;
    return slot;
  }
  uint32_t open_stream() { return flows.open(FlowKind::stream, address("192.0.2.44", 49152), 1); }

  FlowName name_of(uint32_t slot) {
    const Flow& flow = flows.at(slot);
    FlowName name;
    name.kind = flow.kind;
    name.shard = settings.shard;
    if (flow.kind == FlowKind::udp) {
      name.birth = flow.birth;
      name.remote = flow.remote;
      name.local = settings.listeners[flow.listener].bound;
    } else {
      name.boot = settings.boot;
      name.slot = slot;
      name.generation = flow.generation;
    }
    return name;
  }
  TokenMacs* macs_of(const FlowName& name) { return sluice::macs_of(settings, flows, name); }
};

}  // namespace

TEST("OB-5.2-2 tokens made with kept MACs are those made without, whichever side comes first") {
  for (const FlowName& flow : kFlows) {
    for (Side first : kSides) {
      TokenMacs kept{};
      for (Side side : {first, first == Side::client ? Side::core : Side::client, first}) {
        CHECK_EQ(kept_token(flow, kept, kRing, side), token(flow, kRing, side));
        CHECK_EQ(kept_verdict(token(flow, kRing, side), flow, kept), TokenVerdict::ok);
      }
    }
  }
}

TEST("OB-5.2-2 what is kept is used, for making and for verifying, and only in its own life and under its own keys") {
  for (const FlowName& flow : kFlows) {
    for (Side side : kSides) {
      const TokenMacs wrong = wrong_macs(flow, kRing);
      TokenMacs kept = wrong;
      CHECK(kept_token(flow, kept, kRing, side) != token(flow, kRing, side));
      CHECK_EQ(kept_verdict(token(flow, kRing, side), flow, kept), TokenVerdict::forged);
      CHECK(same_macs(kept, wrong));
      kept.life ^= 1;
      CHECK_EQ(kept_token(flow, kept, kRing, side), token(flow, kRing, side));
      kept = wrong;
      kept.edition ^= 1;
      CHECK_EQ(kept_verdict(token(flow, kRing, side), flow, kept), TokenVerdict::ok);
    }
  }
}

TEST("OB-5.2-1 beside kept MACs every flipped bit is noticed, and nothing that is forged changes them") {
  for (const FlowName& flow : kFlows) {
    for (Side side : kSides) {
      TokenMacs kept{};
      const std::string good = octets_of(kept_token(flow, kept, kRing, side));
      const TokenMacs before = kept;
      for (size_t bit = 0; bit < good.size() * 8; ++bit) {
        std::string bad = good;
        bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
        const TokenVerdict verdict = kept_verdict(text_of_octets(bad), flow, kept);
        CHECK(verdict == TokenVerdict::forged || verdict == TokenVerdict::unknown_key);
        CHECK(same_macs(kept, before));
      }
      CHECK_EQ(kept_verdict(text_of_octets(good), flow, kept), TokenVerdict::ok);
    }
  }
}

TEST("OB-5.2-1 a forged token that is the first to name a flow is forged, and the next good one is good") {
  for (const FlowName& flow : kFlows) {
    TokenMacs kept{};
    std::string bad = octets_of(token(flow));
    bad.back() = static_cast<char>(bad.back() ^ 1);
    CHECK_EQ(kept_verdict(text_of_octets(bad), flow, kept), TokenVerdict::forged);
    CHECK_EQ(kept_verdict(token(flow), flow, kept), TokenVerdict::ok);
    CHECK_EQ(kept_verdict(text_of_octets(bad), flow, kept), TokenVerdict::forged);
  }
}

TEST("OB-5.2-5 a token by an older key is good beside the MACs of a newer one, which it leaves alone, and the newer key makes the next") {
  const KeyRing older = ring_of({{5, kSecret}});
  const KeyRing both = ring_of({{6, kOtherSecret}, {5, kSecret}});
  const KeyRing newer = ring_of({{6, kOtherSecret}});
  for (const FlowName& flow : kFlows) {
    TokenMacs kept{};
    const std::string old_token = kept_token(flow, kept, older);
    const std::string new_token = kept_token(flow, kept, both);
    CHECK(new_token != old_token);
    CHECK_EQ(new_token, token(flow, both));
    const TokenMacs before = kept;
    CHECK_EQ(kept_verdict(old_token, flow, kept, both), TokenVerdict::ok);
    CHECK(same_macs(kept, before));
    CHECK_EQ(kept_verdict(new_token, flow, kept, both), TokenVerdict::ok);
    CHECK_EQ(kept_verdict(old_token, flow, kept, newer), TokenVerdict::unknown_key);
    // The older key signs again: the newer one's MACs are not its own.
    CHECK_EQ(kept_token(flow, kept, older), old_token);
  }
}

TEST("OB-5.2-5 another key with the same id, or the same keys in another order, finds nothing kept") {
  for (const FlowName& flow : kFlows) {
    TokenMacs kept{};
    const std::string first = kept_token(flow, kept);
    const KeyRing other = ring_of({{5, kOtherSecret}});
    CHECK_EQ(kept_verdict(first, flow, kept, other), TokenVerdict::forged);
    CHECK_EQ(kept_token(flow, kept, other), token(flow, other));
    CHECK_EQ(kept_verdict(first, flow, kept), TokenVerdict::ok);
    KeyRing same = kRing;
    CHECK_EQ(same.edition(), kRing.edition());
    same.clear();
    CHECK_EQ(kept_token(flow, kept, same), "");
    CHECK_EQ(kept_verdict(first, flow, kept, same), TokenVerdict::unknown_key);
    CHECK(same.add(5, reinterpret_cast<const uint8_t*>(kOtherSecret.data()), kOtherSecret.size()));
    CHECK(same.edition() != kRing.edition());
    CHECK_EQ(kept_verdict(first, flow, kept, same), TokenVerdict::forged);
  }
}

TEST("OB-5.2-1 octets that name the same flow, but are not those of its token, are forged with its MAC") {
  // IPv4 addresses written as IPv6 ones.
  const FlowName flow = udp_flow();
  TokenMacs kept{};
  const std::string good = octets_of(kept_token(flow, kept));
  std::string bad = good.substr(0, 6);
  bad[1] = static_cast<char>((bad[1] & 0x3F) | 0x80);
  for (const Address& one : {flow.remote, flow.local}) {
    bad.append(reinterpret_cast<const char*>(one.ip), sizeof one.ip);
    bad += {static_cast<char>(one.port >> 8), static_cast<char>(one.port & 0xFF)};
  }
  bad += good.substr(good.size() - kTokenMacOctets);
  CHECK_EQ(bad.size(), 54u);
  CHECK_EQ(kept_verdict(text_of_octets(bad), flow, kept), TokenVerdict::forged);
}

TEST("a token of another node of the farm is verified as before, and leaves what is kept alone") {
  KeyRing there(9);
  CHECK(there.add(5, reinterpret_cast<const uint8_t*>(kSecret.data()), kSecret.size()));
  for (const FlowName& flow : kFlows) {
    TokenMacs kept{};
    kept_token(flow, kept);
    const TokenMacs before = kept;
    CHECK_EQ(kept_verdict(token(flow, there), flow, kept), TokenVerdict::ok);
    CHECK(same_macs(kept, before));
  }
}

TEST("OB-5.2-1 the place beside a UDP flow is that of its present life, in its own shard and at its own listener") {
  Scene scene;
  const uint32_t slot = scene.open_udp(40);
  const FlowName name = scene.name_of(slot);
  CHECK(scene.macs_of(name) == &scene.flows.at(slot).macs);
  FlowName other = name;
  other.shard ^= 1;
  CHECK(scene.macs_of(other) == nullptr);
  other = name;
  other.birth = 41;
  CHECK(scene.macs_of(other) == nullptr);
  other = name;
  other.local.port = 5061;
  CHECK(scene.macs_of(other) == nullptr);
  other = name;
  other.remote.port += 1;
  CHECK(scene.macs_of(other) == nullptr);
}

TEST("OB-5.1-4 a flow born again has other tokens, and those of its earlier life are still read") {
  Scene scene;
  const uint32_t slot = scene.open_udp(40);
  const FlowName before = scene.name_of(slot);
  const std::string old_token = kept_token(before, *scene.macs_of(before));
  scene.flows.at(slot).birth = 77;
  const FlowName after = scene.name_of(slot);
  const std::string new_token = kept_token(after, *scene.macs_of(after));
  CHECK_EQ(new_token, token(after));
  CHECK(scene.macs_of(before) == nullptr);
  CHECK_EQ(kept_verdict(old_token, after, *scene.macs_of(after)), TokenVerdict::ok);
  CHECK_EQ(kept_verdict(new_token, after, *scene.macs_of(after)), TokenVerdict::ok);
}

TEST("OB-5.1-4 in a reused slot nothing is kept of the flow before, of either kind") {
  Scene scene;
  const uint32_t slot = scene.open_udp(40);
  kept_token(scene.name_of(slot), scene.flows.at(slot).macs);
  CHECK(scene.flows.at(slot).macs.edition != 0);
  scene.flows.release(slot);
  CHECK_EQ(scene.open_stream(), slot);
  CHECK(scene.flows.at(slot).stream.in == nullptr && scene.flows.at(slot).stream.out.empty() && scene.flows.at(slot).stream.layer == nullptr);
  const FlowName first = scene.name_of(slot);
  const std::string old_token = kept_token(first, *scene.macs_of(first));
  scene.flows.release(slot);
  CHECK(scene.macs_of(first) == nullptr);
  CHECK_EQ(scene.open_stream(), slot);
  const FlowName second = scene.name_of(slot);
  CHECK(scene.macs_of(first) == nullptr);
  CHECK_EQ(kept_token(second, *scene.macs_of(second)), token(second));
  CHECK(token(second) != old_token);
  scene.flows.release(slot);
  CHECK_EQ(scene.open_udp(41), slot);
  CHECK_EQ(scene.flows.at(slot).macs.edition, 0u);
}

TEST("a connection of another start of the process, or with a layer, has no place for MACs, and none that has one moves") {
  Scene scene;
  std::vector<TokenMacs*> places;
  for (int i = 0; i < 200; ++i) {
    const FlowName name = scene.name_of(scene.open_stream());
    places.push_back(scene.macs_of(name));
    CHECK(places.back() != nullptr && places.back()->edition == 0);
    kept_token(name, *places.back());
  }
  for (uint32_t slot = 1; slot <= 200; ++slot) CHECK(scene.macs_of(scene.name_of(slot)) == places[slot - 1]);
  FlowName other = scene.name_of(7);
  other.boot ^= 1;
  CHECK(scene.macs_of(other) == nullptr);
  StreamLayer layer;
  scene.flows.at(7).stream.layer = &layer;
  CHECK(scene.macs_of(scene.name_of(7)) == nullptr);
  scene.flows.at(7).stream.layer = nullptr;
  scene.flows.at(7).marks |= kMark_closing;
  CHECK(scene.macs_of(scene.name_of(7)) == places[6]);  // its answers may still be under way
}

TEST("a UDP flow goes to another process without its MACs, and is made anew there") {
  Scene scene;
  const uint32_t slot = scene.open_udp(40);
  const FlowName name = scene.name_of(slot);
  const std::string text = kept_token(name, scene.flows.at(slot).macs);
  CHECK(is_portable(scene.flows.at(slot)));
  ImageWriter image(ImageOf::flow, kImageVersion);
  freeze_flow(image, slot, scene.flows.at(slot));
  FlowDraft draft;
  BufferPool pool(1 << 20);
  CHECK(adopt_image(image.seal(), ImageOf::flow, [&](ImageReader& reader) { read_flow(reader, pool, nullptr, draft); }) == nullptr);
  Scene next;
  CHECK(next.flows.place(draft.slot, draft.flow));
  CHECK_EQ(next.flows.at(slot).macs.edition, 0u);
  // And within a process that takes a flow as it lies in memory.
  Scene after;
  CHECK(after.flows.place(slot, scene.flows.at(slot)));
  CHECK_EQ(after.flows.at(slot).macs.edition, 0u);
  CHECK_EQ(kept_token(name, *after.macs_of(name)), text);
}

}  // namespace sluice::flow_macs_test
