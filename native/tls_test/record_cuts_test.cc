// However the network cuts the client's last flight and its first records, the server reads the same.
#include "tls_rig.h"

namespace sluice::record_cuts_test {
using namespace test;

TEST("TR-17 Finished and what follows it, cut at every octet") {
  for (const TlsSetup& setup : tls_setups()) {
    const auto provider = [&] {
      std::string fault;
      return make_tls_provider(test_material(true, setup.rsa), fault);
    }();
    for (size_t cut = 0, size = 1; cut < size; ++cut) {
      TlsClient client(setup);
      TlsServer server(provider->accept());
      std::string flight = until_finished(client, server);
      // A client of TLS 1.3 does not wait for an answer to its Finished.
      if (client.is_open()) flight += client.send("first");
      if (client.is_open()) flight += client.send("second");
      size = flight.size();
      Heard heard = server.receive(flight.substr(0, cut));
      CHECK(heard.result == TlsResult::ok);
      std::string sent = heard.sent;
      std::string plain = heard.plain;
      heard = server.receive(flight.substr(cut));
      CHECK(heard.result == TlsResult::ok);
      plain += heard.plain;
      sent += heard.sent;
      CHECK(server.has_own_records());
      client.receive(sent);
      if (setup.version == TLS1_2_VERSION) {
        CHECK(client.is_open());
        plain = server.receive(client.send("first")).plain;
        plain += server.receive(client.send("second")).plain;
      }
      CHECK_EQ(plain, "firstsecond");
      CHECK_EQ(client.receive(server.send("answer")), "answer");
      if (has_failed()) {
        std::printf("# %s, cut at %zu\n", setup.name, cut);
        return;
      }
    }
  }
}

TEST("TR-17 octet after octet") {
  for (const TlsSetup& setup : tls_setups()) {
    std::string fault;
    const auto provider = make_tls_provider(test_material(true, setup.rsa), fault);
    TlsClient client(setup);
    TlsServer server(provider->accept());
    std::string wire = client.shake();
    std::string plain;
    for (int round = 0; round < 8; ++round) {
      std::string sent;
      for (const char octet : wire) {
        const Heard heard = server.receive(std::string(1, octet));
        CHECK(heard.result == TlsResult::ok);
        sent += heard.sent;
        plain += heard.plain;
      }
      client.receive(sent);
      wire = client.pending_output();
      if (client.is_open()) wire += client.send(std::string(1, static_cast<char>('a' + round)) + std::string(300, '.'));
    }
    CHECK(server.has_own_records());
    CHECK(plain.size() >= 4 * 301 && plain.size() % 301 == 0);
    CHECK_EQ(client.receive(server.send("answer")), "answer");
  }
}

}  // namespace sluice::record_cuts_test
