// TLS of the benchmark programs, from the system's OpenSSL; without its headers, a message says what is missing (the build sets BENCH_TLS).
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#ifdef BENCH_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif

namespace sluice::bench {

enum class Handshake { kDone, kGoesOn, kFailed };

#ifdef BENCH_TLS

// One for all sessions of a program. Clients accept any certificate and never resume a session: each handshake is a full one.
class TlsContext {
 public:
  // All edges get the same cipher, the one that every TLS 1.3 implementation must support (RFC 8446 9.1).
  static TlsContext client() {
    TlsContext made(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_min_proto_version(made.context_, TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(made.context_, "TLS_AES_128_GCM_SHA256");
    return made;
  }

  static TlsContext server(const std::string& certificate, const std::string& key) {
    TlsContext made(SSL_CTX_new(TLS_server_method()));
    if (SSL_CTX_use_certificate_chain_file(made.context_, certificate.c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(made.context_, key.c_str(), SSL_FILETYPE_PEM) != 1) {
      std::fprintf(stderr, "no certificate or key: %s, %s\n", certificate.c_str(), key.c_str());
      std::exit(2);
    }
    return made;
  }

  TlsContext() = default;
  TlsContext(TlsContext&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
  TlsContext& operator=(TlsContext&& other) noexcept {
    std::swap(context_, other.context_);
    return *this;
  }
  ~TlsContext() { SSL_CTX_free(context_); }

 private:
  friend class TlsSession;

  explicit TlsContext(SSL_CTX* context) : context_(context) {
    SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
    // One recv() for all available records instead of two per record.
    SSL_CTX_set_read_ahead(context_, 1);
  }

  SSL_CTX* context_ = nullptr;
};

// The TLS of one connection, with the semantics of recv() and send(). An empty one means a connection without TLS.
class TlsSession {
 public:
  static TlsSession client(const TlsContext& context, int fd) { return TlsSession(context, fd, &SSL_set_connect_state); }
  static TlsSession server(const TlsContext& context, int fd) { return TlsSession(context, fd, &SSL_set_accept_state); }
  // A client's that has made its ClientHello before it has a connection: phones that come together each have a processor of their own for it.
  static TlsSession prepared(const TlsContext& context) {
    TlsSession made(context, -1, &SSL_set_connect_state);
    BIO* const wire = BIO_new(BIO_s_mem());
    SSL_set_bio(made.ssl_, BIO_new(BIO_s_mem()), wire);
    BIO_set_mem_eof_return(SSL_get_rbio(made.ssl_), -1);
    made.outcome(SSL_do_handshake(made.ssl_));
    char* hello = nullptr;
    const long size = BIO_get_mem_data(wire, &hello);
    made.hello_.assign(hello, static_cast<size_t>(size));
    return made;
  }
  void attach(int fd) noexcept { SSL_set_fd(ssl_, fd); }

  TlsSession() = default;
  TlsSession(TlsSession&& other) noexcept : ssl_(std::exchange(other.ssl_, nullptr)), hello_(std::move(other.hello_)) {}
  TlsSession& operator=(TlsSession&& other) noexcept {
    std::swap(ssl_, other.ssl_);
    hello_.swap(other.hello_);
    return *this;
  }
  ~TlsSession() { SSL_free(ssl_); }

  explicit operator bool() const noexcept { return ssl_ != nullptr; }

  Handshake handshake() noexcept {
    if (!hello_.empty()) {
      const std::string hello = std::exchange(hello_, std::string());
      // The first octets of a connection find room.
      if (::send(SSL_get_fd(ssl_), hello.data(), hello.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(hello.size())) return Handshake::kFailed;
      return Handshake::kGoesOn;
    }
    int n = SSL_do_handshake(ssl_);
    if (n == 1) return Handshake::kDone;
    return outcome(n) < 0 && errno == EAGAIN ? Handshake::kGoesOn : Handshake::kFailed;
  }

  ssize_t read(char* into, size_t room) noexcept { return outcome(SSL_read(ssl_, into, static_cast<int>(room))); }
  ssize_t write(const char* data, size_t size) noexcept { return outcome(SSL_write(ssl_, data, static_cast<int>(size))); }

  // Octets received but not yet read: no socket event will announce them.
  bool pending() const noexcept { return SSL_has_pending(ssl_) == 1; }

 private:
  TlsSession(const TlsContext& context, int fd, void (*set_role)(SSL*)) : ssl_(SSL_new(context.context_)) {
    if (fd >= 0) SSL_set_fd(ssl_, fd);
    set_role(ssl_);
  }

  ssize_t outcome(int n) const noexcept {
    if (n > 0) return n;
    int error = SSL_get_error(ssl_, n);
    ERR_clear_error();
    if (error == SSL_ERROR_ZERO_RETURN) return 0;
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    return -1;
  }

  SSL* ssl_ = nullptr;
  std::string hello_;  // not sent yet
};

#else

class TlsContext {
 public:
  static TlsContext client() { return missing(); }
  static TlsContext server(const std::string&, const std::string&) { return missing(); }

 private:
  [[noreturn]] static TlsContext missing() {
    std::fprintf(stderr, "built without TLS, for OpenSSL's headers are missing: apt-get install -y libssl-dev\n");
    std::exit(2);
  }
};

class TlsSession {
 public:
  static TlsSession client(const TlsContext&, int) { return {}; }
  static TlsSession server(const TlsContext&, int) { return {}; }
  static TlsSession prepared(const TlsContext&) { return {}; }
  void attach(int) noexcept {}
  explicit operator bool() const noexcept { return false; }
  Handshake handshake() noexcept { return Handshake::kFailed; }
  ssize_t read(char*, size_t) noexcept { return 0; }
  ssize_t write(const char*, size_t) noexcept { return 0; }
  bool pending() const noexcept { return false; }
};

#endif

}  // namespace sluice::bench
