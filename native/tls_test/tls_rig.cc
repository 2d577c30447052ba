#include "tls_rig.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <cstring>

#include "tls/aead.h"
#include "tls/key_schedule.h"

namespace sluice::test {
namespace {

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

TlsMaterial::Pair make_pair(EVP_PKEY* key) {
  const OpensslPtr<X509> certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 86400);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("edge.example.org"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  X509_sign(certificate.get(), key, EVP_sha256());
  const OpensslPtr<BIO> shown(BIO_new(BIO_s_mem())), kept(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(shown.get(), certificate.get());
  PEM_write_bio_PrivateKey(kept.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return {text_of(shown.get()), text_of(kept.get())};
}

void log_secret(const SSL* ssl, const char* line) {
  auto* client = static_cast<TlsClient*>(SSL_get_app_data(ssl));
  const std::string text = line;
  std::string secret;
  for (size_t at = text.rfind(' ') + 1; at + 1 < text.size(); at += 2) secret += static_cast<char>(std::stoi(text.substr(at, 2), nullptr, 16));
  if (text.starts_with("CLIENT_TRAFFIC_SECRET_0 ")) client->client_secret = secret;
  if (text.starts_with("SERVER_TRAFFIC_SECRET_0 ")) client->server_secret = secret;
}

}  // namespace

const std::vector<TlsSetup>& tls_setups() {
  static const std::vector<TlsSetup> all = {
      {"1.3 AES-128-GCM", TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256"},
      {"1.3 AES-256-GCM", TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384", true},
      {"1.3 ChaCha20-Poly1305", TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256"},
      {"1.2 AES-128-GCM", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"},
      {"1.2 AES-256-GCM", TLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384", true},
      {"1.2 ChaCha20-Poly1305", TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305"},
      {"1.2 RSA key exchange", TLS1_2_VERSION, "AES128-GCM-SHA256", true},
  };
  return all;
}

const TlsMaterial::Pair& test_pair(bool rsa) {
  static const TlsMaterial::Pair with_ec = make_pair(OpensslPtr<EVP_PKEY>(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")).get());
  static const TlsMaterial::Pair with_rsa = make_pair(OpensslPtr<EVP_PKEY>(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{2048})).get());
  return rsa ? with_rsa : with_ec;
}

TlsMaterial test_material(bool own_records, bool rsa) {
  TlsMaterial material;
  material.pairs.push_back(test_pair(rsa));
  material.authorities = test_pair(rsa).certificate;
  material.ticket_key = std::string(80, 'k');
  material.own_records = own_records;
  return material;
}

Heard TlsServer::receive(const std::string& wire) {
  Heard heard;
  rest_ += wire;
  Text rest = rest_;
  std::vector<char> plain(rest_.size() + kTlsSlack);
  std::vector<char> out;
  size_t size = 0;
  const bool was_open = session_->is_open();
  heard.result = session_->receive(rest, plain.data(), plain.size(), size, out);
  if (!was_open && session_->is_open()) {
    if (std::unique_ptr<TlsSession> next = session_->successor()) {
      session_ = std::move(next);
      taken_over_ = true;
      heard.result = session_->receive(rest, plain.data(), plain.size(), size, out);
    }
  }
  rest_ = std::string(rest);
  heard.plain.assign(plain.data(), size);
  heard.sent.assign(out.begin(), out.end());
  return heard;
}

std::string TlsServer::send(const std::string& plain) {
  std::vector<char> out;
  CHECK(session_->send(plain, out));
  return std::string(out.begin(), out.end());
}

std::string TlsServer::close() {
  std::vector<char> out;
  session_->close(out);
  return std::string(out.begin(), out.end());
}

TlsClient::TlsClient(const TlsSetup& setup) : version(setup.version), context(SSL_CTX_new(TLS_client_method())) {
  SSL_CTX_set_min_proto_version(context.get(), setup.version);
  SSL_CTX_set_max_proto_version(context.get(), setup.version);
  if (setup.version == TLS1_3_VERSION) SSL_CTX_set_ciphersuites(context.get(), setup.suite);
  else SSL_CTX_set_cipher_list(context.get(), setup.suite);
  SSL_CTX_set_keylog_callback(context.get(), log_secret);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  ssl.reset(SSL_new(context.get()));
  SSL_set_app_data(ssl.get(), this);
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_connect_state(ssl.get());
}

std::string TlsClient::pending_output() {
  BIO* const out = SSL_get_wbio(ssl.get());
  const std::string text = text_of(out);
  (void)BIO_reset(out);
  return text;
}

std::string TlsClient::shake(const std::string& wire) {
  BIO_write(SSL_get_rbio(ssl.get()), wire.data(), static_cast<int>(wire.size()));
  const int done = SSL_do_handshake(ssl.get());
  if (done != 1 && SSL_get_error(ssl.get(), done) != SSL_ERROR_WANT_READ) failed = true;
  return pending_output();
}

std::string TlsClient::send(const std::string& plain) {
  size_t written = 0;
  CHECK(SSL_write_ex(ssl.get(), plain.data(), plain.size(), &written) == 1);
  return pending_output();
}

std::string TlsClient::receive(const std::string& wire) {
  BIO_write(SSL_get_rbio(ssl.get()), wire.data(), static_cast<int>(wire.size()));
  std::string plain;
  char room[20000];
  for (size_t size = 0;;) {
    const int done = SSL_read_ex(ssl.get(), room, sizeof room, &size);
    if (done == 1) {
      plain.append(room, size);
      continue;
    }
    const int error = SSL_get_error(ssl.get(), done);
    if (error == SSL_ERROR_ZERO_RETURN) closed = true;
    else if (error != SSL_ERROR_WANT_READ) failed = true;
    return plain;
  }
}

RecordState TlsClient::records(uint64_t server_records) const {
  RecordState state{};
  const int nid = SSL_CIPHER_get_cipher_nid(SSL_get_current_cipher(ssl.get()));
  state.version = static_cast<uint16_t>(SSL_version(ssl.get()));
  state.suite = nid == NID_aes_128_gcm ? AeadSuite::aes_128_gcm : nid == NID_aes_256_gcm ? AeadSuite::aes_256_gcm : AeadSuite::chacha20_poly1305;
  state.max_content = kMaxContent;
  if (state.version == kTls13) {
    std::memcpy(state.out.secret, client_secret.data(), client_secret.size());
    std::memcpy(state.in.secret, server_secret.data(), server_secret.size());
    CHECK(derive_keys(state.suite, state.out) && derive_keys(state.suite, state.in));
    state.in.number = server_records;
    return state;
  }
  unsigned char master[48], seeds[64];
  SSL_SESSION_get_master_key(SSL_get_session(ssl.get()), master, sizeof master);
  SSL_get_server_random(ssl.get(), seeds, 32);
  SSL_get_client_random(ssl.get(), seeds + 32, 32);
  CHECK(expand_key_block(state.suite, Text(reinterpret_cast<char*>(master), 48), Text(reinterpret_cast<char*>(seeds), 64), state.out, state.in));
  state.out.number = state.in.number = 1;
  state.out.explicit_nonce = 1000;
  return state;
}

size_t count_records(const std::string& wire) {
  size_t count = 0;
  for (size_t at = 0; at + kTlsHead <= wire.size(); ++count)
    at += kTlsHead + (static_cast<size_t>(static_cast<uint8_t>(wire[at + 3])) << 8 | static_cast<uint8_t>(wire[at + 4]));
  return count;
}

std::string until_finished(TlsClient& client, TlsServer& server) {
  std::string flight = client.shake();
  for (int flights = 1; flights < 6; ++flights) {
    const Heard heard = server.receive(flight);
    CHECK(heard.result == TlsResult::ok);
    flight = client.shake(heard.sent);
    // In a full handshake of TLS 1.2, the server has the last word.
    if (client.is_open() || client.failed || client.version == TLS1_2_VERSION) break;
  }
  return flight;
}

std::string shake_hands(TlsClient& client, TlsServer& server) {
  const Heard last = server.receive(until_finished(client, server));
  CHECK(last.result == TlsResult::ok && last.plain.empty());
  if (client.is_open()) return last.sent;
  client.shake(last.sent);
  CHECK(server.session().is_open() && client.is_open());
  return "";
}

std::string Forger::seal(ContentType type, const std::string& content) {
  std::string record(content.size() + kMaxOverhead, '\0');
  const iovec part{const_cast<char*>(content.data()), content.size()};
  record.resize(seal_record(state, type, RecordContent(part), record.data()));
  return record;
}

std::string Forger::key_update(int request, bool moves_on) {
  std::string record = seal(ContentType::handshake, std::string("\x18\0\0\1", 4) + static_cast<char>(request));
  if (moves_on) update_keys(state.suite, state.out);
  return record;
}

std::string Forger::seal_inner(const std::string& inner) {
  std::string record(kTlsHead, '\0');
  const size_t body = inner.size() + kAeadTag;
  const char head[] = {23, 3, 3, static_cast<char>(body >> 8), static_cast<char>(body)};
  record.assign(head, sizeof head);
  record += inner + std::string(kAeadTag, '\0');
  uint8_t nonce[kAeadNonce];
  std::memcpy(nonce, state.out.iv, sizeof nonce);
  for (size_t i = 0; i < 8; ++i) nonce[4 + i] ^= static_cast<uint8_t>(state.out.number >> (56 - 8 * i));
  ++state.out.number;
  CHECK(aead_seal(state.suite, state.out.key, nonce, Text(head, sizeof head), record.data() + kTlsHead, inner.size(), record.data() + kTlsHead + inner.size()));
  return record;
}

std::string Forger::read(const std::string& wire) {
  std::string said;
  for (size_t at = 0; at < wire.size();) {
    size_t size = 0;
    if (record_size(state, wire.data() + at, size) != TlsAlert::none || at + size > wire.size()) return said + "unreadable";
    std::vector<char> plain(size);
    ContentType type;
    size_t length = 0;
    if (open_record(state, Text(wire).substr(at, size), plain.data(), type, length) != TlsAlert::none) return said + "unreadable";
    at += size;
    if (!said.empty()) said += "; ";
    const std::string content(plain.data(), length);
    if (type == ContentType::application_data) said += "data " + content;
    else if (type == ContentType::alert) said += "alert " + std::to_string(content[0]) + "/" + std::to_string(static_cast<uint8_t>(content[1]));
    else if (type == ContentType::handshake && content[0] == 24) said += "KeyUpdate " + std::to_string(content[4]), update_keys(state.suite, state.in);
    else said += "type " + std::to_string(static_cast<int>(type));
  }
  return said;
}

}  // namespace sluice::test
