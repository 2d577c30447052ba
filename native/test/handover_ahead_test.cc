// What goes over to another process while the shard still runs: connections, and what is known about them (drafts.h).
#include "handover_rig.h"

namespace sluice::handover_ahead_test {
using namespace test;

TEST("connections go ahead; one that ends or begins meanwhile is no other's") {
  for (const bool drafts : {false, true}) {
    const Peer core = Peer::bound(SOCK_DGRAM);
    Generations all;
    all.prepare([&](ShardRig& rig) { rig.upstreams({{Transport::udp, core.port()}}); });
    all.announces = true;
    all.drafts = drafts;
    std::vector<Peer> phones;
    for (int i = 0; i < 10; ++i) phones.push_back(Peer::tcp(all.now().port(ShardRig::kClientTcp)));
    all.now().turn();
    Peer late;
    all.meanwhile = [&](ShardRig& rig) {
      phones[3].close();
      phones[7].send("not SIP at all\r\n\r\n");
      CHECK(rig.until([&] { return rig.count(Counter::stream_flows) == 8; }));
      // The peer sees the end although a duplicate is open elsewhere.
      CHECK(holds(phones[7].drain(), "<EOF>") || holds(phones[7].drain(), "<RESET>"));
      late = Peer::tcp(rig.port(ShardRig::kClientTcp));
      rig.turn();
    };
    all.upgrade();
    CHECK_EQ(all.now().count(Counter::stream_flows), 9);
    CHECK_EQ(all.before().count(Counter::stream_flows), 0);
    late.send(Request{.number = 100, .transport = "TCP"}.text());
    all.now().hear(core, "Call-ID: c100\r\n");
    for (size_t i = 0; i < phones.size(); ++i) {
      if (i == 3 || i == 7) continue;
      phones[i].send(Request{.number = static_cast<int>(i), .transport = "TCP"}.text());
      const std::string relayed = all.now().hear(core, "Call-ID: c" + std::to_string(i) + "\r\n");
      core.send_to(all.now().port(ShardRig::kCoreUdp), answer_to(relayed, 200));
      CHECK(holds(all.now().hear(phones[i], "SIP/2.0 200"), "Call-ID: c" + std::to_string(i) + "\r\n"));
    }
    all.before().end();
    for (size_t i = 0; i < phones.size(); ++i) CHECK_EQ(i == 3 || i == 7 ? "" : phones[i].drain(), "");
  }
}

TEST("what is known about flows goes ahead, and during the stop only what has changed since") {
  Generations all;
  const Peer core = Peer::bound(SOCK_DGRAM);
  all.prepare([&](ShardRig& rig) { rig.upstreams({{Transport::udp, core.port()}}); });
  all.announces = all.drafts = true;
  std::vector<Peer> phones;
  for (int i = 0; i < 8; ++i) phones.push_back(register_alice(all.now(), core, Transport::tcp));
  const auto talk = [&](ShardRig& rig, size_t phone, int number) {
    phones[phone].send(Request{.number = number, .transport = "TCP"}.text());
    const std::string relayed = rig.hear(core, "Call-ID: c" + std::to_string(number) + "\r\n");
    core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(relayed, 200));
    CHECK(holds(rig.hear(phones[phone], "SIP/2.0 200"), "Call-ID: c" + std::to_string(number) + "\r\n"));
  };
  // One speaks after the first round, one is in the middle of a message by then, and one registers anew.
  all.meanwhile = [&](ShardRig& rig) {
    talk(rig, 2, 50);
    phones[4].send("OPTIONS sip:bob@exam");
    rig.turn();
    phones[6].send(Request{.method = "REGISTER", .number = 51, .transport = "TCP", .lines = "Contact: <sip:carol@10.0.0.1;transport=tcp;ob>;reg-id=1;+sip.instance=\"<urn:y>\"\r\nSupported: outbound, path\r\n"}.text());
    const std::string request = rig.hear(core, "Call-ID: c51\r\n");
    core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(request, 200, "Contact: <sip:carol@10.0.0.1;transport=tcp;ob>;expires=600\r\n"));
    rig.hear(phones[6], "200 Whatever");
  };
  all.upgrade();
  CHECK_EQ(all.changed_late, 0u);
  all.meanwhile = nullptr;
  phones[4].send("ple.com SIP/2.0\r\n");
  CHECK_EQ(all.now().count(Counter::stream_flows), 8);
  CHECK_EQ(all.before().count(Counter::stream_flows), 0);
  for (size_t i = 0; i < phones.size(); ++i)
    if (i != 4) talk(all.now(), i, 60 + static_cast<int>(i));
  // Each limit still knows who has what: eight connections of one address.
  CHECK_EQ(all.now().held(Holding::connection), 8u);
  all.upgrade();
  for (size_t i = 0; i < phones.size(); ++i)
    if (i != 4) talk(all.now(), i, 80 + static_cast<int>(i));
  all.before().end();
  for (Peer& phone : phones) CHECK_EQ(phone.drain(), "");
}

TEST("drafts that are damaged, another shard's or of a connection that never came are refused, and leave nothing behind") {
  ShardRig old;
  Peer phone = Peer::tcp(old.port(ShardRig::kClientTcp));
  old.turn();
  std::vector<MovingFlow> ahead;
  while (old->announce(ahead, 3)) continue;
  ImageWriter image(ImageOf::drafts, kImageVersion);
  uint32_t slot = 0;
  CHECK_EQ(old->draft(image, slot, 100), 1u);
  const Text whole = image.seal();
  const auto refusal = [&](Text octets, const ShardRig::Change& change, bool comes) {
    ShardRig next(old, change);
    std::vector<MovingFlow> own = ahead;
    for (MovingFlow& one : own) one.fd = dup(one.fd);
    if (comes) next->expect(own);
    else for (const MovingFlow& one : own) close(one.fd);
    const char* const fault = next->adopt_drafts(octets);
    CHECK_EQ(next.count(Counter::stream_flows), fault == nullptr ? 1 : 0);
    return std::string(fault == nullptr ? "" : fault);
  };
  CHECK_EQ(refusal(whole, nullptr, true), "");
  CHECK_EQ(refusal(whole, nullptr, false), "the descriptor of a connection has not arrived");
  CHECK_EQ(refusal(whole, [](EdgeConfig& config) { config.shards = 3; }, true), "SLUICE_SHARDS has changed, or it is another shard's");
  std::string damaged(whole);
  damaged.back() ^= 1;
  CHECK_EQ(refusal(damaged, nullptr, true), "it was damaged on its way");
  CHECK_EQ(phone.drain(), "");
}

}  // namespace sluice::handover_ahead_test
