// A registrar's shard and one edge in front of it, in one thread: the cost in user space of a REGISTER that refreshes one of two flows, with
// its journal. `register_bench [ROUNDS [WINDOW [none|md5|sha256 [FOLDER]]]]`: WINDOW requests wait in the socket when the shard's turn begins,
// with credentials for digest authentication or without. `register_bench ROUNDS WINDOW two`: then two shards, each with an edge, on one store, and on
// two; how long they take for the work of one.
//
// As relay_bench it counts instructions under callgrind, and prints the CPU time of the shard's turns otherwise. Temporary GRUUs are not
// encrypted here, because the core has no cipher.
#include <sys/socket.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>

#include "core/base/wall_ms.h"
#include "core/crypto/md5.h"
#include "core/home/binding_store.h"
#include "lib/bench_shard.h"
#include "lib/template_text.h"

namespace {

using namespace sluice;
using namespace sluice::bench;

constexpr uint32_t kUsers = 2'048;
constexpr uint32_t kFlows = 2;

// Costs nothing, so that the rest can be seen.
class Clear final : public Sealer {
 public:
  bool seal(const uint8_t (&iv)[kIv], sluice::Text clear, uint8_t* out) noexcept override {
    std::memcpy(out, clear.data(), clear.size());
    std::memset(out + clear.size(), iv[0], kTag);
    return true;
  }
};

const std::string kCSeq = "CSeq: 100000";
constexpr size_t kCSeqDigits = 6;

enum class Asks { nothing, md5, sha256 };

// The phones' side of digest authentication.
std::string digest_of(Asks asks, const std::string& text) {
  uint8_t octets[kSha256Size];
  const size_t size = asks == Asks::md5 ? kMd5Size : kSha256Size;
  if (asks == Asks::md5) md5(text.data(), text.size(), octets);
  else sha256(text.data(), text.size(), octets);
  std::string digits;
  for (size_t i = 0; i < size; ++i) digits.append({"0123456789abcdef"[octets[i] >> 4], "0123456789abcdef"[octets[i] & 15]});
  return digits;
}

// What bench/registrar.mjs sends, about 700 octets.
TemplateText make_register(uint32_t reg_id, uint16_t edge, char first) {
  const std::string user = std::string(1, first) + kFlowMark, id = std::to_string(reg_id);
  return TemplateText(
      "REGISTER sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK" + user + "x" + id + "x" + kSeqMark + ";rport\r\n" +
      "Via: SIP/2.0/TCP 192.0.2.7:49152;branch=z9hG4bKa" + user + ";received=198.51.100.7;rport=49152\r\n" +
      "Path: <sip:AQEBaW5kZXhlZC10b2tlbi0w" + user + "@127.0.0.1:" + std::to_string(edge) + ";lr;ob>\r\nMax-Forwards: 69\r\n" +
      "From: <sip:" + user + "@example.org>;tag=" + kSeqMark + "\r\nTo: <sip:" + user + "@example.org>\r\nCall-ID: " + user + "-" + id + "@192.0.2.7\r\n" +
      kCSeq + " REGISTER\r\nSupported: outbound, path, gruu\r\nContact: <sip:" + user + "@192.0.2.7:49152;transport=tcp;ob>;reg-id=" + id +
      ";+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-0000" + kFlowMark + ">\"\r\nExpires: 3600\r\nUser-Agent: a device of the bench\r\n" +
      "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, NOTIFY, MESSAGE\r\nContent-Length: 0\r\n\r\n");
}

class Bench {
 public:
  // `first`: of the names of its users.
  Bench(uint32_t window, Asks asks, std::shared_ptr<BindingStore> store, char first = 'u') : window_(window), asks_(asks) {
    uint16_t edge_port = 0;
    edge_ = bound_socket(SOCK_DGRAM, edge_port);
    const int room = 4 << 20;
    setsockopt(edge_, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    const uint16_t port = free_port(SOCK_DGRAM);
    shard_.open(home_config(port));
    shard_->registering().open(std::move(store), 0, std::make_unique<Clear>(), rows_);
    RegisterSettings settings;
    settings.domains.add("example.org", "example.org");
    settings.supported = "path, outbound, gruu";
    shard_->registering().configure(std::move(settings));
    const sockaddr_in registrar = loopback(port);
    if (connect(edge_, reinterpret_cast<const sockaddr*>(&registrar), sizeof registrar) != 0) die("connect");
    for (uint32_t i = 0; i < kFlows; ++i) requests_[i] = make_register(i + 1, edge_port, first);
    if (asks_ != Asks::nothing) ask();
    turn();
  }

  void round() {
    char buffer[4'096];
    for (uint32_t i = 0; i < window_; ++i, ++next_) {
      const size_t size = static_cast<size_t>(requests_[next_ / kUsers % kFlows].write(buffer, next_ % kUsers, next_ / kUsers) - buffer);
      char* digits = static_cast<char*>(memmem(buffer, size, kCSeq.data(), kCSeq.size())) + kCSeq.size();
      for (uint32_t cseq = 100'000 + next_ / kUsers, left = kCSeqDigits; left > 0; --left, cseq /= 10) *--digits = static_cast<char>('0' + cseq % 10);
      const std::string with = asks_ == Asks::nothing ? std::string(buffer, size) : log_in(std::string(buffer, size), next_ % kUsers);
      if (send(edge_, with.data(), with.size(), 0) < 0) die("send");
    }
    turn();
    for (uint32_t i = 0; i < window_; ++i) {
      const ssize_t size = recv(edge_, buffer, sizeof buffer, MSG_DONTWAIT);
      if (size <= 0) die("no answer");
      if (std::memcmp(buffer, "SIP/2.0 200", 11) != 0) bad_ = std::string(buffer, static_cast<size_t>(size));
    }
  }

  void rounds(int count) {
    for (int i = 0; i < count; ++i) round();
  }

  double spent() const { return shard_.spent(); }
  void forget() { shard_.forget(); }
  const std::string& bad() const { return bad_; }

 private:
  void ask() {
    RegisterLogin& login = shard_->registering().login();
    login.use(nonces_, guard_);
    const DigestAlgorithm algorithm = asks_ == Asks::md5 ? DigestAlgorithm::md5 : DigestAlgorithm::sha256;
    login.configure({600'000, {algorithm}});
    sluice::Address client;
    if (!parse_ip("198.51.100.7", client)) die("address");
    users_.resize(kUsers);
    for (uint32_t i = 0; i < kUsers; ++i) {
      char nonce[kNonceText];
      nonces_.make("example.org", client, wall_ms(), nonce);
      users_[i].nonce.assign(nonce, kNonceText);
    }
  }

  // The request with credentials in front of its Contact.
  std::string log_in(std::string request, uint32_t number) {
    User& user = users_[number];
    if (user.ha1.empty()) {
      const size_t at = request.find("From: <sip:") + 11;
      user.name = request.substr(at, request.find('@', at) - at);
      user.ha1 = digest_of(asks_, user.name + ":example.org:secret");
      uint8_t octets[kSha256Size];
      for (size_t i = 0; i < user.ha1.size() / 2; ++i) octets[i] = static_cast<uint8_t>(std::stoi(user.ha1.substr(2 * i, 2), nullptr, 16));
      shard_->registering().login().ha1s().learn(user.name, "example.org", asks_ == Asks::md5 ? DigestAlgorithm::md5 : DigestAlgorithm::sha256, octets);
    }
    char count[9];
    std::snprintf(count, sizeof count, "%08x", ++user.count);
    const std::string uri = "sip:example.org", cnonce = "0a4f113b";
    const std::string response = digest_of(asks_, user.ha1 + ":" + user.nonce + ":" + count + ":" + cnonce + ":auth:" + digest_of(asks_, "REGISTER:" + uri));
    return request.insert(request.find("Contact:"), "Authorization: Digest username=\"" + user.name + "\", realm=\"example.org\", nonce=\"" + user.nonce + "\", uri=\"" + uri +
                                                        "\", response=\"" + response + "\", algorithm=" + (asks_ == Asks::md5 ? "MD5" : "SHA-256") + ", cnonce=\"" + cnonce +
                                                        "\", qop=auth, nc=" + count + "\r\n");
  }

  void decide(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      int32_t* const verdict = shard_.verdict(i);
      const int32_t* const row = rows_ + i * k_register_fields;
      const auto state = static_cast<RegisterState>(row[kRegister_state]);
      if (state != RegisterState::open && state != RegisterState::answered) die("not a REGISTER by numbers");
      if (asks_ != Asks::nothing && state == RegisterState::open && shard_->registering().check_login(i) != LoginState::proven) die("credentials that prove nothing");
      verdict[kVerdict_action] = static_cast<int32_t>(Action::register_);
      verdict[kVerdict_target] = row[kRegister_asked];
      verdict[kVerdict_edits] = static_cast<int32_t>(kGrant_outbound | kGrant_require_outbound | kGrant_gruu);
    }
  }

  [[gnu::noinline]] void turn() {
    shard_.turn([this](unsigned count) { decide(count); });
  }

  struct User {
    std::string name, nonce, ha1;
    uint32_t count = 0;
  };

  uint32_t window_;
  Asks asks_;
  const uint8_t seed_[64] = {1, 2, 3};
  NonceTable nonces_{seed_, wall_ms()};
  LoginGuard guard_{SipKey{7, 8}};
  std::vector<User> users_;
  int32_t rows_[k_batch_size * k_register_fields] = {};
  BenchShard shard_;
  TemplateText requests_[kFlows];
  int edge_ = -1;
  uint32_t next_ = 0;
  std::string bad_;
};

std::shared_ptr<BindingStore> opened(const std::string& folder) {
  std::shared_ptr<BindingStore> store = BindingStore::open(folder, {kUsers * 8, kUsers * 8'192}, 1).store;
  if (store == nullptr) die("store");
  return store;
}

// So many rounds of both in turn, in one thread, and at once, in two.
double time_of_two(Bench& one, Bench& other, int rounds) {
  using std::chrono::steady_clock;
  const auto begin = steady_clock::now();
  one.rounds(rounds / 2);
  other.rounds(rounds / 2);
  const auto middle = steady_clock::now();
  std::thread thread([&] { other.rounds(rounds / 2); });
  one.rounds(rounds / 2);
  thread.join();
  return static_cast<double>((steady_clock::now() - middle).count()) / static_cast<double>((middle - begin).count());
}

void compare_two(int rounds, uint32_t window, const std::string& folder) {
  const auto store = opened(folder + "/a");
  const auto one = std::make_unique<Bench>(window, Asks::nothing, store, 'u'), other = std::make_unique<Bench>(window, Asks::nothing, store, 'v');
  const auto apart = std::make_unique<Bench>(window, Asks::nothing, opened(folder + "/b"), 'w');
  for (Bench* each : {one.get(), other.get(), apart.get()}) each->rounds(static_cast<int>(kUsers * kFlows / window) + 1);
  const double shared = time_of_two(*one, *other, rounds), alone = time_of_two(*one, *apart, rounds);
  std::printf("two shards in two threads, window %u: %.2f of the time of one thread with one store, %.2f with a store each\n", window, shared, alone);
  for (Bench* each : {one.get(), other.get(), apart.get()})
    if (!each->bad().empty()) die(each->bad().c_str());
}

}  // namespace

int main(int count, char** arguments) {
  const int rounds = count > 1 ? std::atoi(arguments[1]) : 1'000;
  const auto window = static_cast<uint32_t>(count > 2 ? std::atoi(arguments[2]) : 32);
  const std::string named = count > 3 ? arguments[3] : "none";
  const Asks asks = named == "md5" ? Asks::md5 : named == "sha256" ? Asks::sha256 : Asks::nothing;
  char made[] = "/tmp/sluice-bench-XXXXXX";
  const std::string folder = count > 4 ? arguments[4] : mkdtemp(made);
  int status = 0;
  if (named == "two") {
    compare_two(rounds, window, folder);
  } else {
    const auto bench = std::make_unique<Bench>(window, asks, opened(folder));
    bench->rounds(static_cast<int>(kUsers * kFlows / window) + 1);
    bench->forget();
    bench->rounds(rounds);
    const double messages = rounds * static_cast<double>(window);
    std::printf("register, window %u: %.0f ns of CPU each, %.0f messages\n", window, bench->spent() / messages, messages);
    if (!bench->bad().empty()) std::printf("%s\n", bench->bad().c_str()), status = 1;
  }
  if (count <= 4 && std::system(("rm -rf " + folder).c_str()) != 0) return 1;
  return status;
}
