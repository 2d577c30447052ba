// Every way through a handshake to records of our own, and those that stay with OpenSSL.
#include <malloc.h>
#include <openssl/pem.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "tls_rig.h"

namespace sluice::take_over_test {
using namespace test;

namespace {

constexpr TlsSetup kTls13 = {"1.3", TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384"};
constexpr TlsSetup kTls12 = {"1.2", TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384"};

// A provider's context has what Sluice offers; some cases need another.
struct OtherServer {
  OtherServer() : context(SSL_CTX_new(TLS_server_method())) {
    const auto& pair = test_pair();
    const OpensslPtr<BIO> certificate(BIO_new_mem_buf(pair.certificate.data(), -1)), key(BIO_new_mem_buf(pair.key.data(), -1));
    const OpensslPtr<X509> own(PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr));
    const OpensslPtr<EVP_PKEY> secret(PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr));
    SSL_CTX_use_certificate(context.get(), own.get());
    SSL_CTX_use_PrivateKey(context.get(), secret.get());
    SSL_CTX_set_keylog_callback(context.get(), OpensslSession::log_secret);
    SSL_CTX_set_session_id_context(context.get(), reinterpret_cast<const unsigned char*>("test"), 4);
    std::string ticket_key(80, 'k');
    SSL_CTX_set_tlsext_ticket_keys(context.get(), ticket_key.data(), 80);
  }
  std::unique_ptr<TlsSession> accept() {
    auto session = std::make_unique<OpensslSession>(SSL_new(context.get()), Text(), nullptr);
    session->leave_records();
    return session;
  }
  OpensslPtr<SSL_CTX> context;
};

// Both directions, beginning with the flight that the client has not read.
void expect_talk(TlsClient& client, TlsServer& server, const std::string& flight = "") {
  CHECK_EQ(client.receive(flight + server.send("hello")), "hello");
  const Heard heard = server.receive(client.send("good day"));
  CHECK_EQ(heard.plain, "good day");
  CHECK_EQ(client.receive(server.send("and again")), "and again");
  CHECK(!client.failed);
}

std::unique_ptr<TlsProvider> provider_of(const TlsMaterial& material) {
  std::string fault;
  auto provider = make_tls_provider(material, fault);
  CHECK(provider != nullptr);
  return provider;
}


}  // namespace

TEST("a session that dials has records of its own as well, skips what tickets come, and another process can go on with it") {
  for (const TlsSetup& setup : {kTls13, kTls12}) {
    for (const size_t tickets : {0, 1, 7}) {
      OtherServer other;
      SSL_CTX_set_max_proto_version(other.context.get(), setup.version);
      SSL_CTX_set_num_tickets(other.context.get(), tickets);
      const auto provider = provider_of(test_material(true));
      TlsServer dialler(provider->dial("edge.example.org")), acceptor(other.accept());
      std::string sent = dialler.receive("").sent;
      for (int round = 0; round < 4; ++round) sent = dialler.receive(acceptor.receive(sent).sent).sent;
      CHECK(dialler.has_own_records() && acceptor.has_own_records());
      CHECK_EQ(acceptor.receive(dialler.send("hello")).plain, "hello");
      CHECK_EQ(dialler.receive(acceptor.send("good day")).plain, "good day");
      TlsServer next(RecordSession::resume(dialler.session().state()));
      CHECK_EQ(acceptor.receive(next.send("it is me")).plain, "it is me");
      CHECK_EQ(next.receive(acceptor.send("I see")).plain, "I see");
      CHECK(acceptor.receive(next.close()).result == TlsResult::closed);
    }
  }
}

TEST("a server's ticket may come in pieces, but not with data in it, not too long, and not from a client") {
  const auto connected = [](auto&& then) {
    OtherServer other;
    SSL_CTX_set_num_tickets(other.context.get(), 0);
    const auto provider = provider_of(test_material(true));
    TlsServer dialler(provider->dial("edge.example.org")), acceptor(other.accept());
    std::string sent = dialler.receive("").sent;
    for (int round = 0; round < 3; ++round) sent = dialler.receive(acceptor.receive(sent).sent).sent;
    CHECK(dialler.has_own_records() && acceptor.has_own_records());
    Forger server;
    std::memcpy(&server.state, acceptor.session().state().data(), sizeof server.state);
    then(dialler, server);
  };
  const std::string ticket("\4\0\0\12abcdefghij", 14);
  connected([&](TlsServer& dialler, Forger& server) {
    for (const std::string& piece : {ticket.substr(0, 2), ticket.substr(2, 5), ticket.substr(7) + ticket}) CHECK_EQ(dialler.receive(server.seal(ContentType::handshake, piece)).sent, "");
    CHECK_EQ(dialler.receive(server.data("hello")).plain, "hello");
    CHECK_EQ(dialler.receive(server.key_update(0)).sent, "");
    CHECK_EQ(dialler.receive(server.data("again")).plain, "again");
  });
  connected([&](TlsServer& dialler, Forger& server) {
    CHECK(dialler.receive(server.seal(ContentType::handshake, ticket.substr(0, 7))).result == TlsResult::ok);
    CHECK(dialler.receive(server.data("hello")).result == TlsResult::failed);
  });
  connected([&](TlsServer& dialler, Forger& server) {
    CHECK(dialler.receive(server.seal(ContentType::handshake, std::string("\4\2\0\0", 4))).result == TlsResult::failed);
  });
  connected([&](TlsServer& dialler, Forger& server) {
    CHECK(dialler.receive(server.seal(ContentType::handshake, std::string("\10\0\0\0", 4))).result == TlsResult::failed);
  });
}

TEST("TR-27 sessions are resumed with records of our own, from the tickets that OpenSSL sent after the handshake") {
  for (const TlsSetup& setup : {kTls13, kTls12}) {
    const auto provider = provider_of(test_material(true));
    TlsClient first(setup);
    TlsServer first_server(provider->accept());
    const std::string flight = shake_hands(first, first_server);
    CHECK_EQ(count_records(flight), setup.version == TLS1_3_VERSION ? size_t{1} : size_t{0});
    expect_talk(first, first_server, flight);
    SSL_SESSION* session = SSL_get1_session(first.ssl.get());
    for (int i = 0; i < 3; ++i) {
      TlsClient next(setup);
      // A session whose connection did not end well is not resumed again, so each client has its own copy.
      SSL_SESSION* copy = SSL_SESSION_dup(session);
      SSL_set_session(next.ssl.get(), copy);
      SSL_SESSION_free(copy);
      TlsServer server(provider->accept());
      const std::string tickets = shake_hands(next, server);
      CHECK(SSL_session_reused(next.ssl.get()));
      CHECK(server.has_own_records());
      expect_talk(next, server, tickets);
    }
    SSL_SESSION_free(session);
  }
}

TEST("a resumption without Diffie-Hellman, no tickets, and many tickets") {
  for (const size_t tickets : {0, 1, 2, 7}) {
    OtherServer other;
    SSL_CTX_set_num_tickets(other.context.get(), tickets);
    SSL_CTX_set_options(other.context.get(), SSL_OP_ALLOW_NO_DHE_KEX);
    TlsClient first(kTls13);
    TlsServer first_server(other.accept());
    const std::string flight = shake_hands(first, first_server);
    CHECK(first_server.has_own_records());
    CHECK_EQ(count_records(flight), tickets);
    expect_talk(first, first_server, flight);
    if (tickets == 0) continue;
    SSL_SESSION* session = SSL_get1_session(first.ssl.get());
    TlsClient next(kTls13);
    SSL_set_options(next.ssl.get(), SSL_OP_ALLOW_NO_DHE_KEX);
    SSL_set_session(next.ssl.get(), session);
    SSL_SESSION_free(session);
    TlsServer server(other.accept());
    const std::string more = shake_hands(next, server);
    CHECK(SSL_session_reused(next.ssl.get()) && server.has_own_records());
    expect_talk(next, server, more);
  }
}

TEST("0-RTT data is refused and never read, and the connection goes on") {
  const auto provider = provider_of(test_material(true));
  TlsClient first(kTls13);
  TlsServer first_server(provider->accept());
  expect_talk(first, first_server, shake_hands(first, first_server));
  SSL_SESSION* session = SSL_get1_session(first.ssl.get());
  SSL_SESSION_set_max_early_data(session, 4096);
  TlsClient eager(kTls13);
  SSL_set_session(eager.ssl.get(), session);
  SSL_SESSION_free(session);
  size_t written = 0;
  CHECK(SSL_write_early_data(eager.ssl.get(), "early", 5, &written) == 1);
  TlsServer server(provider->accept());
  Heard heard = server.receive(eager.pending_output());
  CHECK_EQ(heard.plain, "");
  const std::string finished = eager.shake(heard.sent);
  CHECK(eager.is_open());
  CHECK(SSL_get_early_data_status(eager.ssl.get()) == SSL_EARLY_DATA_REJECTED);
  heard = server.receive(finished + eager.send("late"));
  CHECK_EQ(heard.plain, "late");
  CHECK(server.has_own_records());
  expect_talk(eager, server, heard.sent);
}

TEST("a handshake with HelloRetryRequest") {
  OtherServer other;
  SSL_CTX_set1_groups_list(other.context.get(), "P-384");
  TlsClient client(kTls13);
  SSL_set1_groups_list(client.ssl.get(), "X25519:P-384");
  TlsServer server(other.accept());
  const std::string hello = client.shake();
  const Heard retry = server.receive(hello);
  CHECK(!server.session().is_open());
  const std::string again = client.shake(retry.sent);
  const Heard heard = server.receive(again);
  const std::string finished = client.shake(heard.sent);
  CHECK(client.is_open());
  // RFC 8446 4.1.3: what makes a ServerHello a HelloRetryRequest.
  CHECK(retry.sent.find(std::string("\xcf\x21\xad\x74\xe5\x9a\x61\x11", 8)) != std::string::npos);
  const Heard last = server.receive(finished);
  CHECK(server.has_own_records());
  expect_talk(client, server, last.sent);
}

TEST("max_fragment_length is kept in both directions") {
  for (const TlsSetup& setup : {kTls13, kTls12}) {
    for (const uint8_t code : {TLSEXT_max_fragment_length_512, TLSEXT_max_fragment_length_4096}) {
      const size_t most = size_t{256} << code;
      for (const bool own : {true, false}) {
        const auto provider = provider_of(test_material(own));
        TlsClient client(setup);
        SSL_set_tlsext_max_fragment_length(client.ssl.get(), code);
        TlsServer server(provider->accept());
        const std::string tickets = shake_hands(client, server);
        CHECK_EQ(server.has_own_records(), own);
        const std::string message(10000, 'm');
        const std::string records = server.send(message);
        CHECK_EQ(count_records(records), (message.size() + most - 1) / most);
        CHECK(client.receive(tickets + records) == message);
        CHECK(server.receive(client.send(message)).plain == message);
        Forger forger{client.records(0)};
        RecordStatePtr state = new_record_state();
        *state = forger.state;
        std::swap(state->in, state->out);
        state->max_content = static_cast<uint16_t>(most);
        RecordSession session(std::move(state));
        for (const size_t more : {0, 1}) {
          const std::string record = forger.data(std::string(most + more, 'm'));
          Text wire = record;
          std::vector<char> plain(record.size()), out;
          size_t size = 0;
          CHECK((session.receive(wire, plain.data(), plain.size(), size, out) == TlsResult::failed) == (more == 1));
          if (more == 1) CHECK_EQ(forger.read(std::string(out.begin(), out.end())), "alert 2/22");
        }
      }
    }
  }
}

TEST("TR-25 client certificates, and tickets that hold one") {
  for (const TlsSetup& setup : {kTls13, kTls12}) {
    TlsMaterial material = test_material(true);
    material.client = ClientCertificate::require;
    const auto provider = provider_of(material);
    for (const bool shows : {true, false}) {
      TlsClient client(setup);
      const OpensslPtr<BIO> certificate(BIO_new_mem_buf(test_pair().certificate.data(), -1)), key(BIO_new_mem_buf(test_pair().key.data(), -1));
      const OpensslPtr<X509> own(PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr));
      const OpensslPtr<EVP_PKEY> secret(PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr));
      if (shows) SSL_use_certificate(client.ssl.get(), own.get());
      if (shows) SSL_use_PrivateKey(client.ssl.get(), secret.get());
      TlsServer server(provider->accept());
      if (shows) {
        const std::string tickets = shake_hands(client, server);
        CHECK(server.has_own_records());
        expect_talk(client, server, tickets);
      } else {
        const Heard heard = server.receive(until_finished(client, server));
        CHECK(heard.result == TlsResult::failed && !server.session().is_open() && !server.has_own_records());
      }
    }
  }
}

TEST("suites that are not ours stay with OpenSSL, and nothing is lost on the way") {
  for (const char* suite : {"ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-CCM"}) {
    const auto provider = provider_of(test_material(true));
    const TlsSetup setup = {suite, TLS1_2_VERSION, suite};
    TlsClient client(setup);
    TlsServer server(provider->accept());
    shake_hands(client, server);
    CHECK(!server.has_own_records());
    expect_talk(client, server);
    SSL_SESSION* session = SSL_get1_session(client.ssl.get());
    TlsClient next(setup);
    SSL_set_session(next.ssl.get(), session);
    SSL_SESSION_free(session);
    TlsServer second(provider->accept());
    // In an abbreviated handshake, data may follow the client's Finished in one segment.
    const std::string finished = until_finished(next, second);
    CHECK(next.is_open());
    const Heard heard = second.receive(finished + next.send("at once"));
    CHECK_EQ(heard.plain, "at once");
    CHECK(!second.has_own_records());
    expect_talk(next, second);
  }
}

TEST("the switch: with OpenSSL's records nothing is taken over") {
  for (const TlsSetup& setup : tls_setups()) {
    const auto provider = provider_of(test_material(false, setup.rsa));
    TlsClient client(setup);
    TlsServer server(provider->accept());
    const std::string tickets = shake_hands(client, server);
    CHECK(!server.has_own_records());
    expect_talk(client, server, tickets);
  }
}

TEST("a handshake whose records do not open with what was found stays with OpenSSL") {
  for (const TlsSetup& setup : {kTls13, kTls12}) {
    OtherServer other;
    OpensslPtr<SSL> ssl(SSL_new(other.context.get()));
    HandshakeWatch watch;
    SSL_set_app_data(ssl.get(), &watch);
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(ssl.get());
    TlsClient client(setup);
    std::string wire = client.shake(), flight;
    for (int round = 0; round < 4 && !SSL_is_init_finished(ssl.get()); ++round) {
      BIO_write(SSL_get_rbio(ssl.get()), wire.data(), static_cast<int>(wire.size()));
      SSL_do_handshake(ssl.get());
      char* data = nullptr;
      const long size = BIO_get_mem_data(SSL_get_wbio(ssl.get()), &data);
      flight.assign(data, static_cast<size_t>(size));
      (void)BIO_reset(SSL_get_wbio(ssl.get()));
      watch.note_flight(flight);
      wire = client.shake(flight);
    }
    CHECK(SSL_is_init_finished(ssl.get()));
    CHECK(watch.take_over(ssl.get(), flight) != nullptr);
    const auto leaves_secret = [&](const std::string& secret) { return memmem(ssl.get(), malloc_usable_size(ssl.get()), secret.data(), secret.size()) != nullptr; };
    if (setup.version == TLS1_3_VERSION) {
      CHECK(leaves_secret(client.client_secret) && leaves_secret(client.server_secret));
      watch.clear_secrets(ssl.get());
      CHECK(!leaves_secret(client.client_secret) && !leaves_secret(client.server_secret));
    }
    if (setup.version == TLS1_3_VERSION) {
      std::string changed = flight;
      changed.back() ^= 1;
      CHECK(watch.take_over(ssl.get(), changed) == nullptr);
      CHECK(watch.take_over(ssl.get(), flight + flight) == nullptr);
      CHECK(watch.take_over(ssl.get(), flight.substr(0, flight.size() - 1)) == nullptr);
    } else {
      std::string changed = flight;
      changed[changed.size() - 5] ^= 1;
      watch.note_flight(changed);
      CHECK(watch.take_over(ssl.get(), flight) == nullptr);
    }
    watch.note_secret("SERVER_TRAFFIC_SECRET_0 00 " + std::string(96, '0'));
    CHECK(watch.take_over(ssl.get(), flight) == nullptr);
  }
}

TEST("a line of the key log that is not one changes nothing") {
  HandshakeWatch watch;
  for (const char* line : {"", " ", "CLIENT_TRAFFIC_SECRET_0 ", "SERVER_TRAFFIC_SECRET_0 00 zz", "SERVER_TRAFFIC_SECRET_0 00 0", "CLIENT_RANDOM 00 00"}) watch.note_secret(line);
  watch.note_secret("CLIENT_TRAFFIC_SECRET_0 00 " + std::string(200, 'a'));
  watch.note_flight("\x14\3\3");
  watch.note_flight(std::string("\x16\3\3\xff\xff", 5));
}

TEST("the keys of a connection lie where no core dump takes them, and nowhere once it is closed") {
  RecordStatePtr state = new_record_state();
  CHECK(is_key_memory(state.get()) && !is_key_memory(&state));
  std::ifstream maps("/proc/self/smaps");
  uintptr_t begin = 0, end = 0;
  bool inside = false, seen = false;
  for (std::string line; std::getline(maps, line);) {
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
      inside = reinterpret_cast<uintptr_t>(state.get()) >= begin && reinterpret_cast<uintptr_t>(state.get()) < end;
    } else if (inside && line.starts_with("VmFlags:")) {
      seen = true;
      CHECK(line.find(" dd") != std::string::npos);
    }
  }
  CHECK(seen);
  auto* const at = reinterpret_cast<uint8_t*>(state.get());
  std::fill(at, at + sizeof(RecordState), uint8_t{0xa5});
  state.reset();
  // Its first octets may be the link to the next free one.
  CHECK(std::all_of(at + sizeof(void*), at + sizeof(RecordState), [](uint8_t octet) { return octet == 0; }));
  const RecordStatePtr next = new_record_state();
  CHECK(std::all_of(reinterpret_cast<uint8_t*>(next.get()), reinterpret_cast<uint8_t*>(next.get() + 1), [](uint8_t octet) { return octet == 0; }));
}

}  // namespace sluice::take_over_test
