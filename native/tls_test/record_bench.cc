// What a record and an idle connection cost, by OpenSSL and by ourselves: node -e 'require("./build/Release/tls_test.node").measure()'
#include "record_bench.h"

#include <malloc.h>
#include <time.h>

#include <cstdio>

#include "tls_rig.h"

namespace sluice::test {
namespace {

constexpr size_t kConnections = 1000;
constexpr size_t kRounds = 20;
constexpr size_t kMessage = 700;

double cpu_us() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

// Memory of a session that has shaken hands, without what the test keeps beside it.
double idle_octets(const TlsSetup& setup, bool own) {
  std::string fault;
  const auto provider = make_tls_provider(test_material(own, setup.rsa), fault);
  std::vector<std::unique_ptr<TlsServer>> servers;
  servers.reserve(kConnections);
  size_t before = 0;
  for (size_t i = 0; i <= 200; ++i) {
    if (i == 1) before = mallinfo2().uordblks;  // the first one also makes what all share
    TlsClient client(setup);
    servers.push_back(std::make_unique<TlsServer>(provider->accept()));
    shake_hands(client, *servers.back());
  }
  const double each = static_cast<double>(mallinfo2().uordblks - before) / 200;
  return each - sizeof(TlsServer) + (own ? sizeof(RecordState) : 0);
}

struct Figures {
  double read, write, handshake, octets;
};

Figures measure(const TlsSetup& setup, bool own) {
  std::string fault;
  const auto provider = make_tls_provider(test_material(own, setup.rsa), fault);
  std::vector<std::unique_ptr<TlsServer>> servers;
  std::vector<std::string> wires(kConnections * kRounds);
  servers.reserve(kConnections);
  const std::string message(kMessage, 'm');
  double handshake = 0;
  for (size_t i = 0; i < kConnections; ++i) {
    TlsClient client(setup);
    servers.push_back(std::make_unique<TlsServer>(provider->accept()));
    const std::string flight = until_finished(client, *servers.back());
    const double began = cpu_us();
    const Heard last = servers.back()->receive(flight);
    handshake += cpu_us() - began;
    if (!client.is_open()) client.shake(last.sent);
    for (size_t round = 0; round < kRounds; ++round) wires[round * kConnections + i] = client.send(message);
  }
  std::vector<char> plain(kMessage + 64 + kTlsSlack), out;
  Figures figures{0, 0, handshake / kConnections, idle_octets(setup, own)};
  for (size_t round = 0; round < kRounds; ++round) {
    double began = cpu_us();
    for (size_t i = 0; i < kConnections; ++i) {
      Text wire = wires[round * kConnections + i];
      size_t size = 0;
      out.clear();
      if (servers[i]->session().receive(wire, plain.data(), plain.size(), size, out) != TlsResult::ok || size != kMessage) std::abort();
    }
    figures.read += cpu_us() - began;
    began = cpu_us();
    for (size_t i = 0; i < kConnections; ++i) {
      out.clear();
      if (!servers[i]->session().send(message, out)) std::abort();
    }
    figures.write += cpu_us() - began;
  }
  figures.read /= kConnections * kRounds;
  figures.write /= kConnections * kRounds;
  return figures;
}

}  // namespace

void measure_records() {
  std::printf("%-24s %-8s %8s %8s %14s %10s\n", "suite", "records", "read us", "write us", "last flight us", "octets");
  for (const TlsSetup& setup : tls_setups()) {
    for (const bool own : {false, true}) {
      const Figures f = measure(setup, own);
      std::printf("%-24s %-8s %8.2f %8.2f %14.1f %10.0f\n", setup.name, own ? "own" : "openssl", f.read, f.write, f.handshake, f.octets);
    }
  }
}

}  // namespace sluice::test
