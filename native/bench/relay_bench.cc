// One shard between its clients and its core, all in one thread: the cost in user space of relaying a REGISTER, or a MESSAGE, and its 200.
//
// Under callgrind it counts instructions, which do not depend on what else the machine is doing (bench/README.md). On its own it prints
// the CPU time of the shard's turns, including system calls. After the number of rounds may stand `bare`: without what the history and the
// operator are told; `message`: no REGISTER but a MESSAGE; `terminate`: a MESSAGE from the core along the client's token; `call`: INVITE, 180, 200,
// ACK, BYE and 200, each side ending every second call; `jitter`: each 200 grants another time, as registrars do that spread their
// phones; `flows=N`: so many clients that take turns, 64 at a time; `alone`: one message a turn, with nothing left in the first-level caches.
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/bench_shard.h"
#include "lib/message.h"
#include "lib/requests.h"
#include "lib/response.h"

namespace {

using namespace sluice;
using namespace sluice::bench;

constexpr uint32_t kAtOnce = 64;
constexpr size_t kSize = 700;
constexpr uint8_t kKey[32] = {1, 2, 3, 4, 5, 6, 7, 8};

// A function of 64 octets; a thousand of them, and as many octets of data, are what a kernel and other processes leave of the first-level caches.
template <size_t>
[[gnu::noinline, gnu::aligned(64)]] void pass() {
  asm volatile(".fill 56, 1, 0x90");
}
template <size_t... kNumbers>
void empty_caches(std::index_sequence<kNumbers...>) {
  (pass<kNumbers>(), ...);
  static volatile char data[sizeof...(kNumbers) * 64];
  for (size_t i = 0; i < sizeof data; i += 64) data[i] = data[i] + 1;
}
void empty_caches() { empty_caches(std::make_index_sequence<1024>()); }

enum class Workload { registers, message, terminate, call };

bool is_from_core(Workload workload) { return workload == Workload::terminate || workload == Workload::call; }

class Bench {
 public:
  Bench(bool tcp, bool notes, Workload workload, bool jitter, uint32_t flows, bool alone)
      : tcp_(tcp), jitter_(jitter), at_once_(alone ? 1 : kAtOnce), workload_(workload), type_(tcp ? SOCK_STREAM : SOCK_DGRAM), clients_(flows), routes_(is_from_core(workload) ? flows : 0), dialogs_(workload == Workload::call ? flows : 0) {
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
    core_side_ = loopback(config.listeners[1].bound.port);
    for (size_t i = 0; i < clients_.size(); ++i) {
      int& client = clients_[i];
      client = socket(AF_INET, type_, 0);
      // Each has its own address, so that limits per source do not become what is measured.
      sockaddr_in own = loopback(0);
      own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + static_cast<uint32_t>(i));
      if (client < 0 || bind(client, as_sockaddr(own), sizeof own) != 0 || connect(client, as_sockaddr(edge), sizeof edge) != 0) die("connect");
      if (i % 64 == 63) turn();
    }
    requests_ = bench::make_requests(tcp_ ? "tcp" : "udp", tcp_ ? "tcp" : "udp", "127.0.0.1:" + std::to_string(core_port), kSize);
    turn();
    for (size_t i = 0; workload != Workload::message && i < clients_.size(); i += at_once_) from_clients(true);
  }

  void round() {
    if (workload_ == Workload::terminate) to_clients();
    else if (workload_ == Workload::call) calls();
    else from_clients(workload_ == Workload::registers);
  }

  double spent() const { return shard_.spent(); }
  void forget() { shard_.forget(); }
  uint32_t messages() const { return (workload_ == Workload::call ? 6 : 2) * at_once_; }  // of a round

 private:
  // The two route sets of a call.
  struct Dialog {
    std::string core;
    std::string client;
  };

  // Each of the next 64 clients sends one request, and gets its answer.
  void from_clients(bool registers) {
    is_registering_ = registers;
    for (uint32_t i = 0; i < at_once_; ++i) {
      const uint32_t flow = (first_ + i) % static_cast<uint32_t>(clients_.size());
      const size_t size = static_cast<size_t>((registers ? requests_.client_register : requests_.client_message).write(buffer_, flow, seq_) - buffer_);
      if (send(clients_[flow], buffer_, size, 0) < 0) die("send");
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
    for (uint32_t i = 0; i < at_once_; ++i) receive(clients_[next_flow()]);
  }

  // The core sends a request to each of the next 64 clients, and gets its answer.
  void to_clients() {
    is_registering_ = false;
    for (uint32_t i = 0; i < at_once_; ++i) {
      const uint32_t flow = (first_ + i) % static_cast<uint32_t>(clients_.size());
      const size_t size = static_cast<size_t>(requests_.core_message.write(buffer_, routes_[flow], flow, seq_) - buffer_);
      send_from_core(buffer_, size);
    }
    ++seq_;
    turn();
    for (uint32_t i = 0; i < at_once_; ++i) {
      const int client = clients_[next_flow()];
      const size_t size = receive(client);
      bench::Message message;
      char answer[4096];
      if (bench::read_message(bench::Text(buffer_, size), message) != bench::Read::kWhole) die("message");
      if (send(client, answer, bench::write_response(message, answer, sizeof answer), 0) < 0) die("send");
    }
    turn();
    for (uint32_t got = 0; got < at_once_;) got += received_by_core().response;
  }

  // The core calls each of the next 64 clients.
  void calls() {
    is_registering_ = false;
    const auto flow_at = [this](uint32_t i) { return (first_ + i) % static_cast<uint32_t>(clients_.size()); };
    for (uint32_t i = 0; i < at_once_; ++i) from_core(requests_.core_invite, routes_[flow_at(i)], flow_at(i));
    turn();
    // Two responses each: all of them together do not fit into the core's socket.
    for (uint32_t i = 0; i < at_once_; i += at_once_ / 2) {
      for (uint32_t k = 0; k < at_once_ / 2; ++k) answer_call(flow_at(i + k));
      turn();
      for (uint32_t got = 0; got < at_once_;) got += core_got_response();
    }
    for (uint32_t i = 0; i < at_once_; ++i) from_core(requests_.core_ack, dialogs_[flow_at(i)].core, flow_at(i));
    turn();
    for (uint32_t i = 0; i < at_once_; ++i) {
      const uint32_t flow = flow_at(i);
      receive(clients_[flow]);
      if (i % 2 == 0) from_core(requests_.core_bye, dialogs_[flow].core, flow);
      else from_client(flow, static_cast<size_t>(requests_.client_bye.write(buffer_, dialogs_[flow].client, flow, seq_) - buffer_));
    }
    turn();
    for (uint32_t i = 0; i < at_once_; i += 2) answer_bye(flow_at(i));
    for (uint32_t left = at_once_ / 2; left > 0; --left) answer_at_core();
    turn();
    for (uint32_t got = 0; got < at_once_ / 2;) got += core_got_response();
    for (uint32_t i = 1; i < at_once_; i += 2) receive(clients_[flow_at(i)]);
    for (uint32_t i = 0; i < at_once_; ++i) next_flow();
    ++seq_;
  }

  void from_core(const bench::RoutedText& text, const std::string& route, uint32_t flow) {
    send_from_core(buffer_, static_cast<size_t>(text.write(buffer_, route, flow, seq_) - buffer_));
  }

  void send_from_core(const char* octets, size_t size) {
    const ssize_t sent = tcp_ ? send(connection_, octets, size, 0) : sendto(core_, octets, size, 0, as_sockaddr(core_side_), sizeof core_side_);
    if (sent != static_cast<ssize_t>(size)) die("send");
  }

  // The next one; it lives until the next call.
  bench::Message received_by_core() {
    if (!tcp_) return received(core_);
    bench::Message message;
    while (bench::read_message(bench::Text(stream_ + stream_at_, stream_end_ - stream_at_), message) != bench::Read::kWhole) {
      std::memmove(stream_, stream_ + stream_at_, stream_end_ - stream_at_);
      stream_end_ -= std::exchange(stream_at_, 0);
      await(connection_);
      const ssize_t n = recv(connection_, stream_ + stream_end_, sizeof stream_ - stream_end_, 0);
      if (n <= 0) die("recv");
      stream_end_ += static_cast<size_t>(n);
    }
    stream_at_ += message.size;
    return message;
  }

  void from_client(uint32_t flow, size_t size) {
    if (send(clients_[flow], buffer_, size, 0) < 0) die("send");
  }

  bench::Message received(int fd) {
    const size_t size = receive(fd);
    bench::Message message;
    if (bench::read_message(bench::Text(buffer_, size), message) != bench::Read::kWhole) die("message");
    return message;
  }

  void answer_call(uint32_t flow) {
    const bench::Message invite = received(clients_[flow]);
    if (dialogs_[flow].client.empty()) keep_routes(dialogs_[flow].client, invite, false);
    char contact[256], sdp[256], answer[4096];
    const bench::Text line(contact, static_cast<size_t>(requests_.client_contact.write(contact, flow, seq_) - contact));
    const bench::Text body(sdp, static_cast<size_t>(requests_.sdp.write(sdp, flow, seq_) - sdp));
    if (send(clients_[flow], answer, bench::write_response(invite, answer, sizeof answer, {"180 Ringing", line}), 0) < 0) die("send");
    if (send(clients_[flow], answer, bench::write_response(invite, answer, sizeof answer, {"200 OK", line, body}), 0) < 0) die("send");
  }

  void answer_bye(uint32_t flow) {
    const bench::Message bye = received(clients_[flow]);
    char answer[4096];
    if (send(clients_[flow], answer, bench::write_response(bye, answer, sizeof answer), 0) < 0) die("send");
  }

  void answer_at_core() {
    const bench::Message bye = received_by_core();
    char answer[4096];
    send_from_core(answer, bench::write_response(bye, answer, sizeof answer));
  }

  // Whether it was one: the edge also probes its upstream now and then.
  bool core_got_response() {
    const bench::Message message = received_by_core();
    if (message.response && message.flow < dialogs_.size() && dialogs_[message.flow].core.empty()) keep_routes(dialogs_[message.flow].core, message, true);
    return message.response;
  }

  // RFC 3261 12.1
  static void keep_routes(std::string& routes, const bench::Message& message, bool reversed) {
    const size_t count = message.record_route.count;
    for (size_t i = 0; i < count; ++i) routes.append("Route: ").append(bench::value_of(message.record_route.line[reversed ? count - 1 - i : i])).append("\r\n");
  }

  uint32_t next_flow() {
    const uint32_t flow = first_;
    first_ = (first_ + 1) % static_cast<uint32_t>(clients_.size());
    return flow;
  }

  void await(int fd) {
    pollfd ready{fd, POLLIN, 0};
    for (int tries = 0; poll(&ready, 1, tries > 0) != 1; turn())
      if (++tries > 1000) die("no answer");
  }

  size_t receive(int fd) {
    await(fd);
    const ssize_t n = recv(fd, buffer_, sizeof buffer_, 0);
    if (n <= 0) die("recv");
    return static_cast<size_t>(n);
  }

  void answer_all() {
    size_t held = 0;
    for (uint32_t answered = 0; answered < at_once_;) {
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
        if (!routes_.empty() && message.flow < routes_.size()) learn_route(message);
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

  void learn_route(const bench::Message& message) {
    std::string& route = routes_[message.flow];
    if (!route.empty()) return;
    for (size_t i = 0; i < message.path.count; ++i) route.append("Route: ").append(bench::value_of(message.path.line[i])).append("\r\n");
  }

  // The policy: the same verdict for every message of a workload.
  void decide(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      int32_t* verdict = shard_.verdict(i);
      const bool response = shard_.record(i)[kRecord_is_response] != 0;
      const bool to_flow = !response && shard_.record(i)[kRecord_from_core] != 0;
      verdict[kVerdict_action] = static_cast<int32_t>(response ? Action::relay_response : to_flow ? Action::relay_to_flow : Action::relay_upstream);
      verdict[kVerdict_target] = to_flow ? 0 : -1;
      verdict[kVerdict_cut_routes] = response ? 0 : shard_.record(i)[kRecord_own_routes];
      const uint32_t edits = response ? kEdit_mark_outbound : kEdit_path | kEdit_path_ob | kEdit_mark_outbound;
      const bool opens_dialog = !response && shard_.record(i)[kRecord_method] == static_cast<int32_t>(Method::invite);
      verdict[kVerdict_edits] = static_cast<int32_t>(is_registering_ ? edits : opens_dialog ? uint32_t{kEdit_record_route} : 0);
    }
  }

  [[gnu::noinline]] void turn() {
    if (at_once_ == 1) empty_caches();
    shard_.turn([this](unsigned count) { decide(count); });
  }

  bool tcp_;
  bool jitter_;
  uint32_t at_once_;  // requests of a round
  Workload workload_;
  bool is_registering_ = true;
  int type_;
  BenchShard shard_;
  bench::Requests requests_;
  sockaddr_in core_side_{};
  int core_ = -1;
  int connection_ = -1;
  std::vector<int> clients_;
  std::vector<std::string> routes_;  // of each client, once it is known
  std::vector<Dialog> dialogs_;      // likewise
  uint32_t first_ = 0;  // the client whose turn it is
  uint32_t seq_ = 1;
  char buffer_[1 << 17];
  char stream_[1 << 17];  // of the core over TCP: what is not taken yet
  size_t stream_at_ = 0;
  size_t stream_end_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
  const bool tcp = count > 1 && std::strcmp(arguments[1], "tcp") == 0;
  const int rounds = count > 2 ? std::atoi(arguments[2]) : 2000;
  const auto has = [&](const char* word) { return std::any_of(arguments + std::min(count, 3), arguments + count, [&](const char* one) { return std::strcmp(one, word) == 0; }); };
  uint32_t flows = kAtOnce;
  for (int i = 3; i < count; ++i)
    if (std::strncmp(arguments[i], "flows=", 6) == 0) flows = std::max(kAtOnce, static_cast<uint32_t>(std::atoi(arguments[i] + 6)));
  const Workload workload = has("terminate") ? Workload::terminate : has("call") ? Workload::call : has("message") ? Workload::message : Workload::registers;
  const auto bench = std::make_unique<Bench>(tcp, !has("bare"), workload, has("jitter"), flows, has("alone"));
  for (int i = 0; i < 10; ++i) bench->round();
  bench->forget();
  for (int i = 0; i < rounds; ++i) bench->round();
  std::printf("relay %s %zuB: %.0f ns of CPU a message, %u messages\n", tcp ? "tcp" : "udp", kSize, bench->spent() / rounds / bench->messages(),
              static_cast<unsigned>(rounds) * bench->messages());
  return 0;
}
