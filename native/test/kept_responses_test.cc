// Who gives way when there are more final responses to remember than there is room for.
#include "shard_rig.h"

namespace sluice::test {
namespace {

constexpr size_t kBody = 60'000;

// Clients over UDP and a core over TCP, with room for 4 MB of responses: some seventy.
struct Responses {
  ShardRig rig{[](EdgeConfig& config) {
    config.limits.scan.max_body = kBody;
    config.limits.max_buffer_bytes = 16u << 20;
  }};
  Peer listening = Peer::listening(), core;
  int asked = 0;

  Responses() { rig.upstreams({{Transport::tcp, listening.port()}}); }

  // A request that was answered, as its client sent it. Large enough to earn an unproven source such a large response.
  std::string exchange(const Peer& client) {
    const std::string text = Request{.number = ++asked, .body = std::string(25'000, 'a')}.text();
    client.send(text);
    rig.turn();
    if (!core.is_open()) core = rig.accept(listening);
    std::string answer = answer_to(rig.hear(core, "MESSAGE sip:"), 200);
    answer.replace(answer.find("Content-Length: 0\r\n\r\n"), 21, "Content-Length: " + std::to_string(kBody) + "\r\n\r\n" + std::string(kBody, 'b'));
    core.send(answer);
    hear_all(client);
    core.drain();
    return text;
  }
  // Whether its repetition gets the same response again, and the core does not hear of it.
  bool is_remembered(const Peer& client, const std::string& text) {
    client.send(text);
    std::string answer, request;
    rig.until([&] { return (answer += client.drain()).size() > kBody || holds(request += core.drain(), "MESSAGE sip:"); });
    CHECK(answer.empty() != request.empty());
    return request.empty();
  }

 private:
  void hear_all(const Peer& client) {
    std::string got;
    CHECK(rig.until([&] { return (got += client.drain()).size() > kBody; }));
  }
};

std::string address_of(int source) { return "127.0.0." + std::to_string(source); }

}  // namespace

TEST("TR-19 when the octets of responses are used up, the oldest are forgotten for the newest, and counted") {
  Responses responses;
  struct Asked {
    Peer client;
    std::string text;
  };
  std::vector<Asked> all;
  for (int i = 0; i < 80; ++i) {
    Peer client = Peer::udp(responses.rig.port(ShardRig::kClientUdp), address_of(2 + i).c_str());
    std::string text = responses.exchange(client);
    all.push_back({std::move(client), std::move(text)});
  }
  CHECK(responses.rig.count(Counter::responses_forgotten) > 0);
  CHECK(responses.is_remembered(all.back().client, all.back().text));
  CHECK(responses.is_remembered(all[60].client, all[60].text));
  CHECK(!responses.is_remembered(all[0].client, all[0].text));
}

TEST("TR-19 once half of the octets are used, no source has more than an eighth of them, and the responses of others stay") {
  Responses responses;
  const uint16_t port = responses.rig.port(ShardRig::kClientUdp);
  const Peer before = Peer::udp(port, "127.0.0.2"), greedy = Peer::udp(port, "127.0.0.3"), after = Peer::udp(port, "127.0.0.4");
  const std::string first = responses.exchange(before);
  std::string last;
  for (int i = 0; i < 90; ++i) last = responses.exchange(greedy);
  CHECK(!responses.is_remembered(greedy, last));
  CHECK(responses.is_remembered(before, first));
  CHECK(responses.is_remembered(after, responses.exchange(after)));
  CHECK_EQ(responses.rig.count(Counter::responses_forgotten), 0);
}

}  // namespace sluice::test
