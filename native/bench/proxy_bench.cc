// A registrar's shard that proxies by numbers, with a caller and the edge of the callees in front of it, in one thread: the cost in user space
// of an INVITE that finds one device and is declined (INVITE, 100, its copy, 100, 486, ACK, 486, ACK), or three of them (fork), and of a
// MESSAGE with its 200. `proxy_bench [invite|fork|message [ROUNDS [WINDOW]]]`: WINDOW requests wait in the socket when the shard's turn begins.
//
// As relay_bench it counts instructions under callgrind, and prints the CPU time of the shard's turns otherwise.
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "core/base/now_ns.h"
#include "core/home/binding_store.h"
#include "lib/bench_shard.h"

namespace {

using namespace sluice;
using namespace sluice::bench;

constexpr uint32_t kUsers = 2'048;

class Nobody final : public BindingSink {
 public:
  void take(const Binding&) noexcept override {}
};

class Bench {
 public:
  Bench(bool invites, uint32_t devices, uint32_t window, const std::string& folder) : invites_(invites), devices_(devices), window_(window) {
    caller_ = bound_socket(SOCK_DGRAM, caller_port_);
    phones_ = bound_socket(SOCK_DGRAM, phones_port_);
    const int room = 4 << 20;
    for (const int socket : {caller_, phones_}) setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    const uint16_t port = free_port(SOCK_DGRAM);
    EdgeConfig config = home_config(port);
    // What is remembered of a call takes its place for half a minute, as in bench/registrar.mjs.
    config.limits.max_pending = 1'000'000;
    config.limits.reservations.requests = config.limits.reservations.requests_per_source = 1'000'000;
    shard_.open(config);
    std::shared_ptr<BindingStore> store = BindingStore::open(folder, {kUsers * 4, kUsers * 4'096}, 1).store;
    if (store == nullptr) die("store");
    for (uint32_t user = 0; user < kUsers; ++user) add(*store, user);
    shard_->proxying().open(store, 0, silences_, rows_);
    ProxySettings settings;
    settings.domains.add("example.org", "example.org");
    settings.failover.set(430);
    settings.failover.set(408);
    settings.timer_c_ms = 180'000;
    settings.silence_ms = 5'000;
    shard_->proxying().configure(std::move(settings));
    const sockaddr_in registrar = loopback(port);
    for (const int socket : {caller_, phones_})
      if (connect(socket, reinterpret_cast<const sockaddr*>(&registrar), sizeof registrar) != 0) die("connect");
    turn();
  }

  void round() {
    for (uint32_t i = 0; i < window_; ++i, ++next_) ask(next_);
    turn();
    answer();
    turn();
    read_finals();
    turn();
    drain(phones_);
  }

  double spent() const { return shard_.spent(); }
  void forget() { shard_.forget(); }
  uint32_t wrong() const { return wrong_; }

 private:
  void add(BindingStore& store, uint32_t user) {
    const uint64_t now = now_ns() / 1'000'000;
    const std::string name = "u" + std::to_string(user), aor = "sip:" + name + "@example.org";
    for (uint32_t flow = 0; flow < std::max(2u, devices_); ++flow) {
      const uint32_t reg_id = 1 + flow / devices_, device = user * devices_ + flow % devices_;
      const std::string instance = "urn:uuid:00000000-0000-1000-8000-0000000" + std::to_string(10'000 + device);
      const std::string uri = "sip:" + name + "@192.0.2.7:49152;transport=tcp;ob", key = "f" + std::to_string(reg_id) + " " + instance;
      const std::string params = ";reg-id=" + std::to_string(reg_id) + ";+sip.instance=\"<" + instance + ">\"";
      const std::string route = "<sip:AQEBaW5kZXhlZC10b2tlbi0w" + name + "@127.0.0.1:" + std::to_string(phones_port_) + ";lr;ob>";
      const std::string path = std::to_string(route.size()) + ":" + route, call_id = name + "-" + std::to_string(flow) + "@192.0.2.7";
      RegisterOperation asked;
      asked.aor = aor;
      asked.call_id = call_id;
      asked.cseq = 1;
      asked.max_contacts = asked.max_flows = 10;
      asked.now = now;
      Binding& one = asked.put.emplace_back();
      one.expires = now + 3'600'000;
      one.updated = now + flow;
      one.cseq = 1;
      one.reg_id = reg_id;
      one.q = 1'000;
      one.flags = kOutbound;
      one[Part::uri] = uri;
      one[Part::params] = params;
      one[Part::instance] = instance;
      one[Part::path] = path;
      one[Part::call_id] = call_id;
      one[Part::key] = key;
      Nobody nobody;
      if (store.table().save(asked, nobody) != Outcome::saved) die("save");
    }
  }

  void send_by(int socket, const std::string& text) {
    if (send(socket, text.data(), text.size(), 0) < 0) die("send");
  }

  // What bench/registrar.mjs sends.
  std::string request(const std::string& method, uint32_t number, const std::string& to_tag) const {
    const std::string id = std::to_string(number), user = "u" + std::to_string(number % kUsers);
    return method + " sip:" + user + "@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:" + std::to_string(caller_port_) + ";branch=z9hG4bKc" + id +
           ";rport\r\nVia: SIP/2.0/TCP 192.0.2.9:49152;branch=z9hG4bKb" + id + ";received=198.51.100.9;rport=49152\r\nMax-Forwards: 69\r\nFrom: <sip:caller@example.net>;tag=" + id +
           "\r\nTo: <sip:" + user + "@example.org>" + to_tag + "\r\nCall-ID: call-" + id + "@192.0.2.9\r\nCSeq: 1 " + method + "\r\n";
  }

  void ask(uint32_t number) {
    const std::string method = invites_ ? "INVITE" : "MESSAGE";
    const std::string body = invites_ ? "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 8\r\n" : "hello";
    send_by(caller_, request(method, number, "") +
                         "Contact: <sip:caller@192.0.2.9:49152;transport=tcp;ob>\r\nUser-Agent: a caller of the bench\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS, NOTIFY, MESSAGE\r\n"
                         "Supported: outbound, path, gruu\r\nContent-Type: " +
                         (invites_ ? "application/sdp" : "text/plain") + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }

  static std::string lines(const std::string& message, const char* name) {
    std::string found;
    for (size_t at = message.find("\r\n") + 2; at < message.size() && message[at] != '\r'; at = message.find("\r\n", at) + 2)
      if (message.compare(at, std::strlen(name), name) == 0) found += message.substr(at, message.find("\r\n", at) + 2 - at);
    return found;
  }

  void answer() {
    char buffer[8'192];
    uint32_t heard = 0;
    for (ssize_t size; (size = recv(phones_, buffer, sizeof buffer, MSG_DONTWAIT)) > 0; ++heard) {
      const std::string copy(buffer, static_cast<size_t>(size));
      std::string to = lines(copy, "To:");
      const std::string vias = lines(copy, "Via:"), rest = lines(copy, "From:") + lines(copy, "Call-ID:") + lines(copy, "CSeq:") + "Content-Length: 0\r\n\r\n";
      if (invites_) send_by(phones_, "SIP/2.0 100 Trying\r\n" + vias + to + rest);
      to.insert(to.size() - 2, ";tag=callee");
      send_by(phones_, (invites_ ? "SIP/2.0 486 Busy Here\r\n" : "SIP/2.0 200 OK\r\n") + vias + to + rest);
    }
    if (heard != window_ * devices_) ++wrong_;
  }

  void read_finals() {
    char buffer[8'192];
    uint32_t finals = 0;
    const uint32_t first = next_ - window_;
    for (ssize_t size; (size = recv(caller_, buffer, sizeof buffer, MSG_DONTWAIT)) > 0;) finals += std::memcmp(buffer, "SIP/2.0 1", 9) != 0;
    if (finals != window_) ++wrong_;
    for (uint32_t i = 0; invites_ && i < window_; ++i) send_by(caller_, request("ACK", first + i, ";tag=callee") + "Content-Length: 0\r\n\r\n");
  }

  static void drain(int socket) {
    char buffer[8'192];
    while (recv(socket, buffer, sizeof buffer, MSG_DONTWAIT) > 0) {
    }
  }

  void decide(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      const auto state = static_cast<RequestState>(rows_[i * k_request_fields + kRequest_state]);
      const bool is_answer = shard_.record(i)[kRecord_is_response] != 0;
      if (!is_answer && state != RequestState::open && state != RequestState::own) ++wrong_;
      shard_.verdict(i)[kVerdict_action] = static_cast<int32_t>(Action::proxy);
    }
  }

  [[gnu::noinline]] void turn() {
    shard_.turn([this](unsigned count) { decide(count); });
  }

  bool invites_;
  uint32_t devices_;
  uint32_t window_;
  uint16_t caller_port_ = 0, phones_port_ = 0;
  RecentSet silences_;
  int32_t rows_[k_batch_size * k_request_fields] = {};
  BenchShard shard_;
  int caller_ = -1, phones_ = -1;
  uint32_t next_ = 0;
  uint32_t wrong_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
  const std::string what = count > 1 ? arguments[1] : "invite";
  const int rounds = count > 2 ? std::atoi(arguments[2]) : 500;
  const auto window = static_cast<uint32_t>(count > 3 ? std::atoi(arguments[3]) : 24);
  char made[] = "/tmp/sluice-bench-XXXXXX";
  const std::string folder = mkdtemp(made);
  int status = 0;
  {
    const auto bench = std::make_unique<Bench>(what != "message", what == "fork" ? 3 : 1, window, folder);
    for (int i = 0; i < 20; ++i) bench->round();
    bench->forget();
    for (int i = 0; i < rounds; ++i) bench->round();
    const double requests = rounds * static_cast<double>(window);
    std::printf("%s, window %u: %.0f ns of CPU each, %.0f requests\n", what.c_str(), window, bench->spent() / requests, requests);
    if (bench->wrong() > 0) std::printf("%u rounds went wrong\n", bench->wrong()), status = 1;
  }
  if (std::system(("rm -rf " + folder).c_str()) != 0) return 1;
  return status;
}
