#include "take_over.h"

#include <malloc.h>

#include <cstring>

#include "aead.h"
#include "key_schedule.h"
#include "record_protection.h"

namespace sluice {
namespace {

constexpr size_t kRandom = 32;
constexpr size_t kMasterSecret = 48;

int hex_value(char digit) noexcept {
  if (digit >= '0' && digit <= '9') return digit - '0';
  return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

// The size of the secret; 0: not hexadecimal, or too long.
size_t read_hex(Text text, uint8_t (&out)[48]) noexcept {
  if (text.size() % 2 != 0 || text.size() > 2 * sizeof out) return 0;
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return 0;
    out[i / 2] = static_cast<uint8_t>(high << 4 | low);
  }
  return text.size() / 2;
}

// The first record of `records`, which it shortens. Empty: there is no whole one.
Text next_record(Text& records) noexcept {
  if (records.size() < kTlsHead) return Text();
  const size_t size = kTlsHead + (static_cast<size_t>(static_cast<uint8_t>(records[3])) << 8 | static_cast<uint8_t>(records[4]));
  if (records.size() < size) return Text();
  const Text record = records.substr(0, size);
  records.remove_prefix(size);
  return record;
}

bool find_suite(const SSL_CIPHER* cipher, AeadSuite& suite) noexcept {
  switch (cipher == nullptr ? NID_undef : SSL_CIPHER_get_cipher_nid(cipher)) {
    case NID_aes_128_gcm: suite = AeadSuite::aes_128_gcm; return true;
    case NID_aes_256_gcm: suite = AeadSuite::aes_256_gcm; return true;
    case NID_chacha20_poly1305: suite = AeadSuite::chacha20_poly1305; return true;
    default: return false;
  }
}

// RFC 6066 4. OpenSSL 3.0 does not negotiate record_size_limit (RFC 8449).
uint16_t max_content_of(const SSL_SESSION* session) noexcept {
  const uint8_t code = SSL_SESSION_get_max_fragment_length(session);
  return code >= TLSEXT_max_fragment_length_512 && code <= TLSEXT_max_fragment_length_4096 ? static_cast<uint16_t>(256u << code) : kMaxContent;
}

// Whether `record` is the one that `keys` would have sealed last.
bool is_last_of(const RecordState& state, Text record) noexcept {
  const RecordStatePtr mirror = new_record_state();
  if (!mirror || state.out.number == 0) return false;
  *mirror = state;
  mirror->in = state.out;
  --mirror->in.number;
  mirror->max_content = kMaxContent;
  char plain[kMaxContent + 2048];
  ContentType type = ContentType::invalid;
  size_t size = 0;
  const bool opens = record.size() <= sizeof plain && open_record(*mirror, record, plain, type, size) == TlsAlert::none && type == ContentType::handshake;
  OPENSSL_cleanse(plain, size < sizeof plain ? size : sizeof plain);
  return opens;
}

}  // namespace

HandshakeWatch::~HandshakeWatch() noexcept {
  OPENSSL_cleanse(client_secret_, sizeof client_secret_);
  OPENSSL_cleanse(server_secret_, sizeof server_secret_);
}

// "LABEL client-random secret", both in hexadecimal.
void HandshakeWatch::note_secret(Text line) noexcept {
  const size_t at = line.rfind(' ');
  if (at == Text::npos) return;
  if (line.starts_with("CLIENT_TRAFFIC_SECRET_0 ")) client_size_ = read_hex(line.substr(at + 1), client_secret_);
  if (line.starts_with("SERVER_TRAFFIC_SECRET_0 ")) server_size_ = read_hex(line.substr(at + 1), server_secret_);
}

void HandshakeWatch::note_flight(Text records) noexcept {
  for (Text record = next_record(records); !record.empty(); record = next_record(records)) {
    const auto type = static_cast<ContentType>(record[0]);
    // Nothing may follow the Finished, or its number is not the last one that is used up.
    if (finished_size_ > 0) has_changed_cipher_ = false;
    finished_size_ = 0;
    if (type == ContentType::handshake && has_changed_cipher_ && record.size() <= sizeof finished_) finished_size_ = record.copy(finished_, record.size());
    if (type == ContentType::change_cipher_spec) has_changed_cipher_ = true;
  }
}

RecordStatePtr HandshakeWatch::take_over(SSL* ssl, Text flight) const noexcept {
  const SSL_SESSION* session = SSL_get_session(ssl);
  AeadSuite suite;
  if (!SSL_is_init_finished(ssl) || session == nullptr || SSL_has_pending(ssl) || !find_suite(SSL_get_current_cipher(ssl), suite) || !has_aead(suite)) return nullptr;
  RecordStatePtr state = new_record_state();
  if (!state) return nullptr;
  state->version = static_cast<uint16_t>(SSL_version(ssl));
  state->suite = suite;
  state->max_content = max_content_of(session);
  if (!SSL_is_server(ssl)) state->out.note = 1;
  const bool found = state->version != kTls13 ? state->version == kTls12 && find_keys_12(ssl, *state) : state->has_dialled() ? find_keys_13_dialled(*state) : find_keys_13(*state, flight);
  return found ? std::move(state) : nullptr;
}

void HandshakeWatch::clear_secrets(SSL* ssl) const noexcept {
  const auto clear = [ssl](const uint8_t* secret, size_t size) {
    auto* at = reinterpret_cast<uint8_t*>(ssl);
    const uint8_t* const end = at + malloc_usable_size(ssl);
    if (size == 0) return;
    while (void* found = memmem(at, static_cast<size_t>(end - at), secret, size)) {
      OPENSSL_cleanse(found, size);
      at = static_cast<uint8_t*>(found) + size;
    }
  };
  clear(client_secret_, client_size_);
  clear(server_secret_, server_size_);
}

// The client's Finished is the last record under its handshake keys. Whatever the server sends after it, session tickets, is sealed under its
// traffic keys and lies in the last flight.
bool HandshakeWatch::find_keys_13(RecordState& state, Text flight) const noexcept {
  const size_t size = secret_size(state.suite);
  if (client_size_ != size || server_size_ != size) return false;
  std::memcpy(state.in.secret, client_secret_, size);
  std::memcpy(state.out.secret, server_secret_, size);
  if (!derive_keys(state.suite, state.in) || !derive_keys(state.suite, state.out)) return false;
  Text last;
  for (Text record = next_record(flight); !record.empty(); record = next_record(flight)) {
    ++state.out.number;
    last = record;
  }
  return flight.empty() && (last.empty() || is_last_of(state, last));
}

// Our Finished, too, is sealed under the handshake keys, and OpenSSL has read no further than to the server's: tickets are for us to skip.
bool HandshakeWatch::find_keys_13_dialled(RecordState& state) const noexcept {
  const size_t size = secret_size(state.suite);
  if (client_size_ != size || server_size_ != size) return false;
  std::memcpy(state.in.secret, server_secret_, size);
  std::memcpy(state.out.secret, client_secret_, size);
  return derive_keys(state.suite, state.in) && derive_keys(state.suite, state.out);
}

// Each side has sealed one record, its Finished. OpenSSL numbers explicit nonces from a random one.
bool HandshakeWatch::find_keys_12(SSL* ssl, RecordState& state) const noexcept {
  unsigned char master[kMasterSecret];
  unsigned char seeds[2 * kRandom];
  const bool known = SSL_SESSION_get_master_key(SSL_get_session(ssl), master, sizeof master) == sizeof master &&
                     SSL_get_server_random(ssl, seeds, kRandom) == kRandom && SSL_get_client_random(ssl, seeds + kRandom, kRandom) == kRandom;
  TrafficKeys& client = state.has_dialled() ? state.out : state.in;
  TrafficKeys& server = state.has_dialled() ? state.in : state.out;
  const bool expanded = known && finished_size_ > 0 &&
                        expand_key_block(state.suite, Text(reinterpret_cast<const char*>(master), sizeof master),
                                         Text(reinterpret_cast<const char*>(seeds), sizeof seeds), client, server);
  OPENSSL_cleanse(master, sizeof master);
  if (!expanded) return false;
  state.in.number = state.out.number = 1;
  const Text finished(finished_, finished_size_);
  for (size_t i = 0; i < 8; ++i) state.out.explicit_nonce = state.out.explicit_nonce << 8 | static_cast<uint8_t>(finished[kTlsHead + i]);
  ++state.out.explicit_nonce;
  return is_last_of(state, finished);
}

}  // namespace sluice
