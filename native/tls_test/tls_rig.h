// A server's session, with records of its own or OpenSSL's, and a client made of OpenSSL that shakes hands with it in memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "test/check.h"
#include "tls/openssl_provider.h"
#include "tls/openssl_session.h"
#include "tls/record_session.h"

namespace sluice::test {

struct TlsSetup {
  const char* name;
  int version;
  const char* suite;
  bool rsa = false;
};
// One for each version and suite whose records are ours.
const std::vector<TlsSetup>& tls_setups();

// Self-signed, made once.
const TlsMaterial::Pair& test_pair(bool rsa = false);
TlsMaterial test_material(bool own_records, bool rsa = false);

struct Heard {
  TlsResult result = TlsResult::ok;
  std::string plain;
  std::string sent;  // records
};

class TlsServer {
 public:
  explicit TlsServer(std::unique_ptr<TlsSession> session) : session_(std::move(session)) {}
  // As StreamReader does it.
  Heard receive(const std::string& wire);
  std::string send(const std::string& plain);
  std::string close();
  TlsSession& session() { return *session_; }
  bool has_own_records() const { return taken_over_; }

 private:
  std::unique_ptr<TlsSession> session_;
  std::string rest_;
  bool taken_over_ = false;
};

class TlsClient {
 public:
  explicit TlsClient(const TlsSetup& setup);
  // Continues the handshake; returns what the client sends.
  std::string shake(const std::string& wire = "");
  bool is_open() const { return SSL_is_init_finished(ssl.get()) != 0; }
  std::string send(const std::string& plain);
  // Everything readable; `closed` tells of a close_notify.
  std::string receive(const std::string& wire);
  std::string pending_output();
  // The client's side of the records, when the server has sealed `server_records` under its traffic keys: for records of a test's own making.
  RecordState records(uint64_t server_records) const;

  const int version;
  OpensslPtr<SSL_CTX> context;
  OpensslPtr<SSL> ssl;
  bool closed = false;
  bool failed = false;
  std::string client_secret, server_secret;  // TLS 1.3
};

// Shakes hands; the client's last flight is returned, not yet given to the server.
std::string until_finished(TlsClient& client, TlsServer& server);
// Shakes hands to the end. Returns the server's last flight, which the client has not read.
std::string shake_hands(TlsClient& client, TlsServer& server);
size_t count_records(const std::string& wire);

// A client that makes its records itself.
struct Forger {
  RecordState state;
  std::string seal(ContentType type, const std::string& content);
  std::string data(const std::string& content) { return seal(ContentType::application_data, content); }
  std::string alert(int level, int description) { return seal(ContentType::alert, {static_cast<char>(level), static_cast<char>(description)}); }
  std::string key_update(int request, bool moves_on = true);
  // TLS 1.3: an inner plaintext as it is, padding and type included.
  std::string seal_inner(const std::string& inner);
  // What the server's records say: "data TEXT", "alert LEVEL/DESCRIPTION", "KeyUpdate N", separated by "; ".
  std::string read(const std::string& wire);
};

}  // namespace sluice::test
