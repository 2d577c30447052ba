// A response that a UDP source may not get yet waits until the source has answered our question.
#include "core/shard/withheld_answers.h"

#include "shard_rig.h"

namespace sluice::withheld_answers_test {
using namespace test;

namespace {

std::string response(int request, const std::string& status, size_t body = 0) {
  const std::string n = std::to_string(request);
  return "SIP/2.0 " + status + "\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK" + n + "\r\nCall-ID: " + n + "\r\nCSeq: 1 INVITE\r\nContent-Length: " + std::to_string(body) + "\r\n\r\n" +
         std::string(body, 'v');
}

struct Bench {
  Bench() { config.table_key = {1, 2}; }
  bool keep(uint32_t source, const std::string& octets) {
    ReturnPath back;
    back.kind = BackKind::udp_v4;
    CHECK(parse_ip("10.0.0.0", back.remote));
    for (int i = 0; i < 3; ++i) back.remote.ip[15 - i] = static_cast<uint8_t>(source >> 8 * i);
    back.remote.port = 5060;
    return waiting.keep(back, octets, Text());
  }
  std::vector<std::string> release(const char* source) {
    Address from;
    CHECK(parse_ip(source, from));
    std::vector<std::string> out;
    waiting.release(from, [&](const ReturnPath&, Text octets) { out.emplace_back(octets); });
    return out;
  }
  int64_t gauge() const { return counters[static_cast<size_t>(Counter::answers_waiting)]; }

  SetTime time;
  int64_t counters[static_cast<size_t>(Counter::count_)] = {};
  FlowCommons commons{SipKey{5, 6}};
  EdgeConfig config;
  Ground ground{config, kRing, counters, time, 1, commons};
  WithheldAnswers waiting{ground};
};

}  // namespace

TEST("what a source may not get yet waits for it, a later response to the same request in place of an earlier one") {
  Bench bench;
  CHECK(bench.keep(1, response(1, "180 Ringing")));
  CHECK(!bench.keep(1, response(1, "200 OK")));
  CHECK(!bench.keep(1, response(2, "486 Busy Here")));
  CHECK(bench.keep(2, response(1, "200 OK")));
  const std::vector<std::string> got = bench.release("10.0.0.1");
  CHECK_EQ(got.size(), 2u);
  CHECK(holds(got[0], "200 OK") && holds(got[1], "486"));
  CHECK_EQ(bench.gauge(), 1);
  CHECK(bench.release("10.0.0.1").empty());
  bench.time.ms += 31'000;
  bench.ground.clock.read();
  CHECK_EQ(bench.release("10.0.0.2").size(), 1u);
  CHECK_EQ(bench.gauge(), 0);
}

TEST("a source is asked at most once in half a second, and what has waited too long is not sent any more") {
  Bench bench;
  CHECK(bench.keep(1, response(1, "200 OK")));
  bench.time.ms += 400;
  bench.ground.clock.read();
  CHECK(!bench.keep(1, response(1, "200 OK")));
  bench.time.ms += 200;
  bench.ground.clock.read();
  CHECK(bench.keep(1, response(1, "200 OK")));
  bench.time.ms += 32'000;
  bench.ground.clock.read();
  CHECK(bench.release("10.0.0.1").empty());
  CHECK_EQ(bench.gauge(), 0);
}

TEST("what waits is bounded in number and octets, and one source takes nothing from the others") {
  Bench bench;
  bench.keep(1, response(1, "200 OK"));
  for (int i = 0; i < 1'000; ++i) bench.keep(2, response(i, "200 OK", 10'000));
  CHECK_EQ(bench.waiting.size(), 1 + WithheldAnswers::kMostOfSource);
  CHECK_EQ(bench.release("10.0.0.1").size(), 1u);
  for (uint32_t i = 0; i < 1'000; ++i) bench.keep(1'000 + i, response(1, "200 OK"));
  CHECK_EQ(bench.waiting.size(), WithheldAnswers::kMost);
  for (uint32_t i = 0; i < 100; ++i) bench.keep(9'000 + i, response(1, "200 OK", 60'000));
  CHECK_EQ(bench.waiting.size(), WithheldAnswers::kMostOctets / 60'100);
  CHECK_EQ(bench.gauge(), static_cast<int64_t>(bench.waiting.size()));
}

TEST("a long response to a short request over UDP comes as soon as its source has answered a question that only it knows") {
  ShardRig rig;
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp)), core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  client.send(Request{}.text());
  std::string relayed;
  rig.until([&] { return !(relayed = core.drain()).empty(); });
  core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(relayed, 200, "X: " + std::string(1'500, 'x') + "\r\n"));
  const std::string question = rig.hear(client, "OPTIONS ");
  CHECK(question.size() <= AnswerCredit::kQuestion);
  CHECK(!holds(question, "SIP/2.0 200"));
  CHECK_EQ(rig.count(Counter::answers_waiting), 1);
  std::string forged = answer_to(question, 200);
  forged[forged.find("branch=z9hG4bK") + 40] ^= 1;
  client.send(forged);
  rig.turn();
  CHECK_EQ(client.drain(), "");
  client.send(answer_to(question, 501));
  rig.hear(client, "X: xxx");
  CHECK_EQ(rig.count(Counter::answers_waiting), 0);
  // It has now shown that it hears us.
  client.send(Request{.number = 2}.text());
  rig.until([&] { return !(relayed = core.drain()).empty(); });
  core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(relayed, 200, "X: " + std::string(1'500, 'x') + "\r\n"));
  CHECK(!holds(rig.hear(client, "X: xxx"), "OPTIONS "));
}

}  // namespace sluice::withheld_answers_test
