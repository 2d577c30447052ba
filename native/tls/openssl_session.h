// A TLS session in memory: OpenSSL reads what the loop has received and writes what the loop will send. A connection that we accepted needs it for
// the handshake only, unless its records are to stay OpenSSL's.
#pragma once

#include <string>

#include "core/transport/tls_session.h"
#include "openssl_ptr.h"
#include "take_over.h"

namespace sluice {

class OpensslSession : public TlsSession {
 public:
  // Accepts, or dials if `name` is not empty. `keeps` stays alive until the handshake is complete.
  OpensslSession(SSL* ssl, Text name, std::shared_ptr<const void> keeps) noexcept;

  // Leaves the records to a RecordSession. The context needs log_secret() as its keylog callback.
  void leave_records() noexcept;
  static void log_secret(const SSL* ssl, const char* line) noexcept;

  TlsResult receive(Text& wire, char* plain, size_t room, size_t& size, std::vector<char>& out) noexcept override;
  bool send(Text plain, std::vector<char>& out) noexcept override;
  void close(std::vector<char>& out) noexcept override;
  bool is_open() const noexcept override { return open_; }
  bool was_resumed() const noexcept override { return SSL_session_reused(ssl_.get()) != 0; }
  Text fault() const noexcept override { return fault_; }
  std::unique_ptr<TlsSession> successor() noexcept override;

 private:
  static BIO_METHOD* method() noexcept;
  static int read(BIO* bio, char* out, int size) noexcept;
  static int write(BIO* bio, const char* data, int size) noexcept;
  static long control(BIO* bio, int command, long number, void* pointer) noexcept;

  TlsResult shake_hands() noexcept;
  void take_over(Text flight) noexcept;
  TlsResult failed(int result) noexcept;

  OpensslPtr<SSL> ssl_;
  Text wire_;
  std::vector<char>* out_ = nullptr;
  std::unique_ptr<std::string> name_;  // the name that the peer must prove
  std::shared_ptr<const void> keeps_;
  std::unique_ptr<HandshakeWatch> watch_;  // until the handshake is complete
  RecordStatePtr records_;                 // for the successor
  const char* fault_ = "";
  bool open_ = false;
};

}  // namespace sluice
