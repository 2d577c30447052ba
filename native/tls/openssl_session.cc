#include "openssl_session.h"

#include <openssl/err.h>

#include <utility>

#include "core/sip/address.h"
#include "peer_name.h"
#include "record_session.h"

namespace sluice {

OpensslSession::OpensslSession(SSL* ssl, Text name, std::shared_ptr<const void> keeps) noexcept : ssl_(ssl), keeps_(std::move(keeps)) {
  BIO* bio = BIO_new(method());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
  if (name.empty()) {
    SSL_set_accept_state(ssl);
    return;
  }
  name_ = std::make_unique<std::string>(name);
  SSL_set_connect_state(ssl);
  Address address;
  // RFC 6066 3: SNI must not contain a literal address.
  if (!parse_ip(name, address)) SSL_set_tlsext_host_name(ssl, name_->c_str());
}

void OpensslSession::leave_records() noexcept {
  watch_ = std::make_unique<HandshakeWatch>();
  SSL_set_app_data(ssl_.get(), watch_.get());
  // Whatever follows the handshake is not for OpenSSL, so it must not read any of that.
  SSL_set_read_ahead(ssl_.get(), 0);
}

void OpensslSession::log_secret(const SSL* ssl, const char* line) noexcept {
  auto* watch = static_cast<HandshakeWatch*>(SSL_get_app_data(ssl));
  if (watch != nullptr) watch->note_secret(line);
}

BIO_METHOD* OpensslSession::method() noexcept {
  static BIO_METHOD* const only = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sluice");
    BIO_meth_set_read(made, read);
    BIO_meth_set_write(made, write);
    BIO_meth_set_ctrl(made, control);
    return made;
  }();
  return only;
}

int OpensslSession::read(BIO* bio, char* out, int size) noexcept {
  auto* self = static_cast<OpensslSession*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self->wire_.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const size_t taken = self->wire_.copy(out, static_cast<size_t>(size));
  self->wire_.remove_prefix(taken);
  return static_cast<int>(taken);
}

int OpensslSession::write(BIO* bio, const char* data, int size) noexcept {
  auto* self = static_cast<OpensslSession*>(BIO_get_data(bio));
  if (self->out_ != nullptr) self->out_->insert(self->out_->end(), data, data + size);
  return size;
}

long OpensslSession::control(BIO*, int command, long, void*) noexcept { return command == BIO_CTRL_FLUSH ? 1 : 0; }

TlsResult OpensslSession::receive(Text& wire, char* plain, size_t room, size_t& size, std::vector<char>& out) noexcept {
  wire_ = wire;
  out_ = &out;
  size = 0;
  const size_t before = out.size();
  // The error queue belongs to the thread, and Node uses it too.
  ERR_clear_error();
  TlsResult result = open_ ? TlsResult::ok : shake_hands();
  if (watch_) take_over(Text(out.data() + before, out.size() - before));
  while (open_ && !records_ && result == TlsResult::ok && size < room) {
    size_t taken = 0;
    const int done = SSL_read_ex(ssl_.get(), plain + size, room - size, &taken);
    if (done == 1) {
      size += taken;
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), done);
    if (error == SSL_ERROR_WANT_READ) break;
    result = error == SSL_ERROR_ZERO_RETURN ? TlsResult::closed : failed(done);
  }
  wire = std::exchange(wire_, Text());
  out_ = nullptr;
  ERR_clear_error();
  return result;
}

// `flight`: what this call has sent.
void OpensslSession::take_over(Text flight) noexcept {
  watch_->note_flight(flight);
  if (!open_) return;
  records_ = watch_->take_over(ssl_.get(), flight);
  if (records_) watch_->clear_secrets(ssl_.get());
  else SSL_set_read_ahead(ssl_.get(), 1);
  SSL_set_app_data(ssl_.get(), nullptr);
  watch_.reset();
}

std::unique_ptr<TlsSession> OpensslSession::successor() noexcept {
  return records_ ? std::make_unique<RecordSession>(std::move(records_)) : nullptr;
}

TlsResult OpensslSession::shake_hands() noexcept {
  const int done = SSL_do_handshake(ssl_.get());
  if (done != 1) return SSL_get_error(ssl_.get(), done) == SSL_ERROR_WANT_READ ? TlsResult::ok : failed(done);
  if (name_) {
    const OpensslPtr<X509> certificate(SSL_get1_peer_certificate(ssl_.get()));
    if (!certificate || SSL_get_verify_result(ssl_.get()) != X509_V_OK || !certifies(certificate.get(), *name_)) {
      fault_ = "the certificate is not for the name that was asked for";
      return TlsResult::failed;
    }
    name_.reset();
  }
  keeps_.reset();
  open_ = true;
  return TlsResult::ok;
}

TlsResult OpensslSession::failed(int) noexcept {
  const long verified = SSL_get_verify_result(ssl_.get());
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  fault_ = verified != X509_V_OK ? X509_verify_cert_error_string(verified) : reason != nullptr ? reason : "the connection broke";
  return TlsResult::failed;
}

bool OpensslSession::send(Text plain, std::vector<char>& out) noexcept {
  if (!open_) return false;
  if (plain.empty()) return true;
  out_ = &out;
  ERR_clear_error();
  size_t written = 0;
  const bool done = SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &written) == 1 && written == plain.size();
  out_ = nullptr;
  ERR_clear_error();
  return done;
}

void OpensslSession::close(std::vector<char>& out) noexcept {
  out_ = &out;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  out_ = nullptr;
  ERR_clear_error();
}

}  // namespace sluice
