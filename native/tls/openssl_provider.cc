#include "openssl_provider.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "openssl_session.h"
#include "record_session.h"

namespace sluice {
namespace {

constexpr size_t kTicketKey = 80;

OpensslPtr<BIO> memory_of(const std::string& text) noexcept { return OpensslPtr<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

OpensslPtr<SSL_CTX> new_context(const SSL_METHOD* method) noexcept {
  OpensslPtr<SSL_CTX> context(SSL_CTX_new(method));
  if (!context) return nullptr;
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // Renegotiation lets attackers burn our CPU, and nothing in SIP needs it.
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context.get(), 1);
  SSL_CTX_set_cipher_list(context.get(), "HIGH:!aNULL:!MD5:!RC4:!3DES:!PSK:!SRP:!CAMELLIA:!ARIA");
  return context;
}

bool use_pair(SSL_CTX* context, const TlsMaterial::Pair& pair) noexcept {
  const OpensslPtr<BIO> text = memory_of(pair.certificate);
  const OpensslPtr<X509> own(PEM_read_bio_X509_AUX(text.get(), nullptr, nullptr, nullptr));
  if (!own || SSL_CTX_use_certificate(context, own.get()) != 1) return false;
  while (X509* next = PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr))
    if (SSL_CTX_add0_chain_cert(context, next) != 1) return X509_free(next), false;
  ERR_clear_error();  // the end of the file
  const OpensslPtr<BIO> key_text = memory_of(pair.key);
  const OpensslPtr<EVP_PKEY> key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
  return key && SSL_CTX_use_PrivateKey(context, key.get()) == 1 && SSL_CTX_check_private_key(context) == 1;
}

// To read a hundred authorities takes some 50 ms, so those read last are kept: new certificates, ticket keys and contexts come with the same ones.
class Authorities {
 public:
  using Certificates = std::vector<OpensslPtr<X509>>;

  // Empty: there is none in it.
  std::shared_ptr<const Certificates> of(const std::string& text) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (certificates_ != nullptr && text == text_) return certificates_;
    auto read = std::make_shared<Certificates>();
    const OpensslPtr<BIO> from = memory_of(text);
    while (X509* next = PEM_read_bio_X509(from.get(), nullptr, nullptr, nullptr)) read->emplace_back(next);
    ERR_clear_error();  // the end of the text
    text_ = text;
    return certificates_ = std::move(read);
  }

 private:
  std::mutex mutex_;
  std::string text_;
  std::shared_ptr<const Certificates> certificates_;
};

// `named`: send their names to clients, so that these can choose a suitable certificate.
bool use_authorities(SSL_CTX* context, const std::string& authorities, bool named) noexcept {
  // Never destroyed: at the end of the process OpenSSL may go first.
  static Authorities& last_read = *new Authorities;
  const auto certificates = last_read.of(authorities);
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const auto& one : *certificates) {
    X509_STORE_add_cert(store, one.get());
    if (named) SSL_CTX_add_client_CA(context, one.get());
  }
  return !certificates->empty();
}

struct Contexts {
  std::vector<OpensslPtr<SSL_CTX>> accepting;
  OpensslPtr<SSL_CTX> dialling;
};

// RFC 6066 3: the certificate for the name that the client asked for; the first one if none matches.
int choose_by_name(SSL* ssl, int*, void* all) noexcept {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  for (const auto& context : static_cast<const Contexts*>(all)->accepting) {
    if (X509_check_host(SSL_CTX_get0_certificate(context.get()), name, 0, 0, nullptr) != 1) continue;
    SSL_set_SSL_CTX(ssl, context.get());
    break;
  }
  return SSL_TLSEXT_ERR_OK;
}

OpensslPtr<SSL_CTX> accepting_context(const TlsMaterial& material, const TlsMaterial::Pair& pair, Contexts* all) noexcept {
  OpensslPtr<SSL_CTX> context = new_context(TLS_server_method());
  if (!context || !use_pair(context.get(), pair)) return nullptr;
  // Tickets hold the state, so no shard remembers sessions.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 1);
  SSL_CTX_set_session_id_context(context.get(), reinterpret_cast<const unsigned char*>("sluice"), 6);
  if (material.ticket_key.size() == kTicketKey) SSL_CTX_set_tlsext_ticket_keys(context.get(), const_cast<char*>(material.ticket_key.data()), kTicketKey);
  SSL_CTX_set_tlsext_servername_callback(context.get(), choose_by_name);
  SSL_CTX_set_tlsext_servername_arg(context.get(), all);
  if (material.own_records) SSL_CTX_set_keylog_callback(context.get(), OpensslSession::log_secret);
  if (material.client != ClientCertificate::off) {
    if (!use_authorities(context.get(), material.authorities, true)) return nullptr;
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | (material.client == ClientCertificate::require ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  }
  return context;
}

class OpensslProvider : public TlsProvider {
 public:
  OpensslProvider(std::shared_ptr<Contexts> contexts, bool own_records) noexcept : contexts_(std::move(contexts)), own_records_(own_records) {}

  std::unique_ptr<TlsSession> accept() noexcept override {
    if (contexts_->accepting.empty()) return nullptr;
    std::unique_ptr<OpensslSession> accepted = session(contexts_->accepting[0].get(), Text());
    if (accepted && own_records_) accepted->leave_records();
    return accepted;
  }
  std::unique_ptr<TlsSession> dial(Text name) noexcept override {
    if (name.empty()) return nullptr;
    std::unique_ptr<OpensslSession> dialling = session(contexts_->dialling.get(), name);
    if (dialling && own_records_) dialling->leave_records();
    return dialling;
  }
  std::unique_ptr<TlsSession> resume(Text state) noexcept override { return RecordSession::resume(state); }

 private:
  std::unique_ptr<OpensslSession> session(SSL_CTX* context, Text name) noexcept {
    SSL* ssl = SSL_new(context);
    return ssl == nullptr ? nullptr : std::make_unique<OpensslSession>(ssl, name, contexts_);
  }

  std::shared_ptr<Contexts> contexts_;
  bool own_records_;
};

std::string reason() noexcept {
  const char* text = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return text == nullptr ? "no certificate or no key in it" : text;
}

}  // namespace

std::unique_ptr<TlsProvider> make_tls_provider(const TlsMaterial& material, std::string& fault) noexcept {
  ERR_clear_error();
  auto contexts = std::make_shared<Contexts>();
  for (const TlsMaterial::Pair& pair : material.pairs) {
    OpensslPtr<SSL_CTX> context = accepting_context(material, pair, contexts.get());
    if (!context) return fault = reason(), nullptr;
    contexts->accepting.push_back(std::move(context));
  }
  contexts->dialling = new_context(TLS_client_method());
  SSL_CTX* dialling = contexts->dialling.get();
  SSL_CTX_set_verify(dialling, SSL_VERIFY_PEER, nullptr);
  if (material.own_records) SSL_CTX_set_keylog_callback(dialling, OpensslSession::log_secret);
  // An upstream that asks for our certificate gets it (RFC 3261 26.3.1).
  const bool shown = material.pairs.empty() || use_pair(dialling, material.pairs[0]);
  if (!shown || !use_authorities(dialling, material.authorities, false)) return fault = reason(), nullptr;
  return std::make_unique<OpensslProvider>(std::move(contexts), material.own_records);
}

}  // namespace sluice
