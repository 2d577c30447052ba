// Random traffic, cut at random, with hand-overs at random moments: each request arrives once, and its response arrives once.
#include <map>
#include <random>

#include "handover_rig.h"

namespace sluice::handover_property_test {
using namespace test;

namespace {

// A phone on a connection that sends its requests in pieces of any size.
struct Phone {
  Peer peer;
  std::string waiting;
  std::string heard;
  std::vector<int> sent;
};

struct Play {
  explicit Play(uint32_t seed) : random(seed) {
    all.announces = seed % 3 != 0;
    all.drafts = seed % 3 == 1;
    all.meanwhile = [this](ShardRig& rig) {
      for (int i = 0; i < 4; ++i) send_some(), rig.turn();
    };
    all.prepare([this](ShardRig& rig) { rig.upstreams({{Transport::tcp, core.port()}}); });
    for (int i = 0; i < 5; ++i) phones.push_back({Peer::tcp(all.now().port(ShardRig::kClientTcp)), "", "", {}});
  }
  size_t any(size_t most) { return std::uniform_int_distribution<size_t>(0, most)(random); }

  void ask() {
    Phone& phone = phones[any(phones.size() - 1)];
    const int number = next++;
    phone.sent.push_back(number);
    phone.waiting += Request{.method = any(3) == 0 ? "INVITE" : "MESSAGE", .number = number, .transport = "TCP", .body = std::string(any(3000), 'b')}.text();
  }
  void send_some() {
    Phone& phone = phones[any(phones.size() - 1)];
    const std::string part = phone.waiting.substr(0, any(4000));
    const ssize_t size = phone.peer.send(part);
    if (size > 0) phone.waiting.erase(0, static_cast<size_t>(size));
  }
  // The core reads what has come, and queues its responses.
  void core_turn() {
    if (!connection.is_open()) connection = core.accept();
    if (!connection.is_open()) return;
    received += connection.drain();
    for (size_t end; (end = received.find("\r\n\r\n")) != std::string::npos;) {
      const std::string head = received.substr(0, end + 4);
      const size_t whole = end + 4 + std::stoul("0" + value_of(head, "Content-Length"));
      if (received.size() < whole) break;
      ++arrived[value_of(head, "Call-ID")];
      answers += answer_to(head, 200);
      received.erase(0, whole);
    }
    const ssize_t size = connection.send(answers.substr(0, any(2000)));
    if (size > 0) answers.erase(0, static_cast<size_t>(size));
  }
  void listen() {
    for (Phone& phone : phones) phone.heard += phone.peer.drain();
  }
  bool is_done() const {
    for (const Phone& phone : phones)
      if (!phone.waiting.empty() || count_of(phone.heard, "SIP/2.0 200") < phone.sent.size()) return false;
    return true;
  }

  std::mt19937 random;
  Generations all;
  const Peer core = Peer::listening();
  Peer connection;
  std::vector<Phone> phones;
  std::map<std::string, int> arrived;
  std::string received, answers;
  int next = 1;
};

}  // namespace

TEST("requests cut at random, with hand-overs and failed ones in between, arrive once and are answered once") {
  for (uint32_t seed = 1; seed <= 9; ++seed) {
    Play play(seed);
    for (int step = 0; step < 250; ++step) {
      switch (play.any(7)) {
        case 0: play.ask(); break;
        case 1:
        case 2:
        case 3: play.send_some(); break;
        case 4: play.core_turn(); break;
        case 5: play.listen(); break;
        case 6: play.all.now().turn(); break;
        case 7:
          if (play.any(3) == 0) play.all.go(play.any(2) == 0);
          break;
      }
    }
    for (Phone& phone : play.phones) {
      for (int i = 0; i < 100 && !phone.waiting.empty(); ++i) {
        const ssize_t size = phone.peer.send(phone.waiting);
        if (size > 0) phone.waiting.erase(0, static_cast<size_t>(size));
        play.all.now().turn();
      }
    }
    CHECK(play.all.now().until([&] {
      play.core_turn();
      play.listen();
      return play.is_done();
    }));
    for (const Phone& phone : play.phones) {
      CHECK_EQ(count_of(phone.heard, "SIP/2.0 200"), phone.sent.size());
      CHECK(!holds(phone.heard, "<EOF>"));
      for (const int number : phone.sent) {
        CHECK_EQ(play.arrived["c" + std::to_string(number)], 1);
        CHECK_EQ(count_of(phone.heard, "Call-ID: c" + std::to_string(number) + "\r\n"), 1u);
      }
    }
    CHECK_EQ(play.all.now()->pending(), 0u);
  }
}

}  // namespace sluice::handover_property_test
