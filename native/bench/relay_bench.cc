// One shard between its clients and its core, all in one thread: the cost in user space of relaying a REGISTER, or a MESSAGE, and its 200.
//
// Under callgrind it counts instructions, which do not depend on what else the machine is doing (bench/README.md). On its own it prints
// the CPU time of the shard's turns, including system calls. After the number of rounds may stand `bare`: without what the history and the
// operator are told; `message`: no REGISTER but a MESSAGE; `jitter`: each 200 grants another time, as registrars do that spread their phones.
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "lib/bench_shard.h"
#include "lib/message.h"
#include "lib/requests.h"
#include "lib/response.h"

namespace {

using namespace sluice;
using namespace sluice::bench;

constexpr uint32_t kClients = 64;
constexpr size_t kSize = 700;
constexpr uint8_t kKey[32] = {1, 2, 3, 4, 5, 6, 7, 8};

class Bench {
 public:
  Bench(bool tcp, bool notes, bool registers, bool jitter) : tcp_(tcp), registers_(registers), jitter_(jitter), type_(tcp ? SOCK_STREAM : SOCK_DGRAM) {
    const Transport transport = tcp ? Transport::tcp : Transport::udp;
    uint16_t core_port = 0;
    core_ = bound_socket(type_, core_port);
    if (tcp_ && listen(core_, 8) != 0) die("listen");
    EdgeConfig config;
    const uint16_t edge_port = free_port(type_);
    config.listeners = {listener(transport, Facing::client, edge_port), listener(transport, Facing::core, free_port(type_))};
    for (const Listener& ours : config.listeners) config.aliases.push_back(ours.bound);
    config.boot = 7;
    config.notes = notes;
    KeyRing keys;
    keys.add(1, kKey, sizeof kKey);
    shard_.open(config, keys);
    UpstreamSet upstreams;
    Upstream core;
    core.address = address_of(core_port);
    core.transport = transport;
    upstreams.add(core, "127.0.0.1");
    shard_->set_upstreams(upstreams);
    sockaddr_in edge = loopback(edge_port);
    for (int& client : clients_) {
      client = socket(AF_INET, type_, 0);
      if (client < 0 || connect(client, as_sockaddr(edge), sizeof edge) != 0) die("connect");
    }
    const bench::Requests requests = bench::make_requests(tcp_ ? "tcp" : "udp", tcp_ ? "tcp" : "udp", "127.0.0.1:" + std::to_string(core_port), kSize);
    request_ = registers_ ? requests.client_register : requests.client_message;
    turn();
  }

  // Every client sends one request.
  void round() {
    for (uint32_t i = 0; i < kClients; ++i) {
      const size_t size = static_cast<size_t>(request_.write(buffer_, i, seq_) - buffer_);
      if (send(clients_[i], buffer_, size, 0) < 0) die("send");
    }
    ++seq_;
    turn();
    if (tcp_ && connection_ < 0) {
      connection_ = accept(core_, nullptr, nullptr);
      const int on = 1;
      setsockopt(connection_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      turn();
    }
    answer_all();
    turn();
    for (int client : clients_) {
      pollfd ready{client, POLLIN, 0};
      for (int tries = 0; poll(&ready, 1, tries > 0) != 1; turn())
        if (++tries > 1000) die("no answer");
      if (recv(client, buffer_, sizeof buffer_, 0) <= 0) die("recv");
    }
  }

  double spent() const { return shard_.spent(); }
  void forget() { shard_.forget(); }

 private:
  void answer_all() {
    size_t held = 0;
    for (uint32_t answered = 0; answered < kClients;) {
      sockaddr_in peer;
      socklen_t size = sizeof peer;
      const int fd = tcp_ ? connection_ : core_;
      const ssize_t n = recvfrom(fd, buffer_ + held, sizeof buffer_ - held, 0, as_sockaddr(peer), &size);
      if (n <= 0) die("recv");
      size_t at = 0;
      held += static_cast<size_t>(n);
      bench::Message message;
      while (at < held && bench::read_message(bench::Text(buffer_ + at, held - at), message) == bench::Read::kWhole) {
        at += message.size;
        char answer[4096];
        std::string contact(message.contact);
        if (jitter_ && contact.size() > 2) message.contact = contact.insert(contact.size() - 2, ";expires=" + std::to_string(3200 + seq_ % 400));
        const size_t length = bench::write_response(message, answer, sizeof answer);
        if (sendto(fd, answer, length, 0, tcp_ ? nullptr : as_sockaddr(peer), tcp_ ? 0 : size) < 0) die("sendto");
        // The edge also probes its upstream now and then.
        answered += std::memcmp(buffer_ + at - message.size, "OPTIONS ", 8) != 0;
      }
      std::memmove(buffer_, buffer_ + at, held - at);
      held -= at;
    }
  }

  // The policy: the same verdict for every message here.
  void decide(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      int32_t* verdict = shard_.verdict(i);
      const bool response = shard_.record(i)[kRecord_is_response] != 0;
      verdict[kVerdict_action] = static_cast<int32_t>(response ? Action::relay_response : Action::relay_upstream);
      verdict[kVerdict_target] = -1;
      const uint32_t edits = response ? kEdit_mark_outbound : kEdit_path | kEdit_path_ob | kEdit_mark_outbound;
      verdict[kVerdict_edits] = registers_ ? static_cast<int32_t>(edits) : 0;
    }
  }

  [[gnu::noinline]] void turn() {
    shard_.turn([this](unsigned count) { decide(count); });
  }

  bool tcp_;
  bool registers_;
  bool jitter_;
  int type_;
  BenchShard shard_;
  bench::TemplateText request_;
  int core_ = -1;
  int connection_ = -1;
  int clients_[kClients];
  uint32_t seq_ = 1;
  char buffer_[1 << 17];
};

}  // namespace

int main(int count, char** arguments) {
  const bool tcp = count > 1 && std::strcmp(arguments[1], "tcp") == 0;
  const int rounds = count > 2 ? std::atoi(arguments[2]) : 2000;
  const auto has = [&](const char* word) { return std::any_of(arguments + std::min(count, 3), arguments + count, [&](const char* one) { return std::strcmp(one, word) == 0; }); };
  const auto bench = std::make_unique<Bench>(tcp, !has("bare"), !has("message"), has("jitter"));
  for (int i = 0; i < 10; ++i) bench->round();
  bench->forget();
  for (int i = 0; i < rounds; ++i) bench->round();
  std::printf("relay %s %zuB: %.0f ns of CPU a message, %d messages\n", tcp ? "tcp" : "udp", kSize, bench->spent() / rounds / (2 * kClients),
              rounds * 2 * static_cast<int>(kClients));
  return 0;
}
