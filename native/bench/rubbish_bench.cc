// What each kind of rubbish costs one shard, beside a good request: CPU of its turns, system calls included, for each datagram or connection.
// Under callgrind it counts instructions (bench/README.md).
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "lib/attackers.h"
#include "lib/bench_shard.h"

namespace {

using namespace sluice;
using namespace sluice::bench;

constexpr unsigned kBurst = 64;
constexpr uint8_t kKey[32] = {1, 2, 3, 4, 5, 6, 7, 8};

class Bench {
 public:
  explicit Bench(Transport transport) : transport_(transport), port_(free_port(is_stream(transport) ? SOCK_STREAM : SOCK_DGRAM)) {
    EdgeConfig config;
    config.listeners = {listener(transport, Facing::client, port_)};
    config.aliases = {config.listeners[0].bound};
    config.boot = 7;
    config.notes = true;
    KeyRing keys;
    keys.add(1, kKey, sizeof kKey);
    shard_.open(config, keys);
  }

  void measure(const char* kind, unsigned rounds) {
    Attackers attackers(is_stream(transport_), transport_ == Transport::ws, loopback(port_), kind);
    const std::string token = "Route: <sip:EAAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH@127.0.0.1:" + std::to_string(port_) + ";lr>\r\n";
    attackers.forge(token);
    for (unsigned i = 0; i < 3 * 512; ++i) step(attackers, 1);  // all of them have been there once
    shard_.forget();
    const uint64_t before = attackers.sent();
    for (unsigned i = 0; i < rounds; ++i) step(attackers, kBurst);
    const double sent = static_cast<double>(attackers.sent() - before);
    std::printf("%-20s %6.0f ns of CPU, %.0f\n", kind, shard_.spent() / sent, sent);
  }

 private:
  // Everything is answered that can be: an edge asks its policy, this one refuses.
  void step(Attackers& attackers, unsigned burst) {
    for (unsigned i = 0; i < burst; ++i) attackers.attack();
    shard_.turn([this](unsigned count) {
      for (unsigned i = 0; i < count; ++i) {
        if (shard_.record(i)[kRecord_is_response] || !shard_.record(i)[kRecord_answerable]) continue;
        int32_t* verdict = shard_.verdict(i);
        verdict[kVerdict_action] = static_cast<int32_t>(Action::reply);
        verdict[kVerdict_status] = shard_.record(i)[kRecord_error] ? 400 : 403;
        verdict[kVerdict_reason] = shard_.record(i)[kRecord_error];
      }
    });
  }

  Transport transport_;
  uint16_t port_;
  BenchShard shard_;
};

}  // namespace

int main(int count, char** arguments) {
  const char* const name = count > 1 ? arguments[1] : "udp";
  const Transport transport = std::strcmp(name, "udp") == 0 ? Transport::udp : std::strcmp(name, "ws") == 0 ? Transport::ws : Transport::tcp;
  const unsigned rounds = count > 2 ? static_cast<unsigned>(std::atoi(arguments[2])) : 500;
  const auto bench = std::make_unique<Bench>(transport);
  std::printf("%s\n", name);
  for (const char* kind : {"noise", "cut-head", "no-headers", "huge-length", "negative-length", "long-line", "bad-register", "stray-response", "client-hello", "bad-upgrade", "nothing", "forged-token"})
    if (count < 4 || std::strcmp(arguments[3], kind) == 0) bench->measure(kind, rounds);
  return 0;
}
