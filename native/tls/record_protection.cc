#include "record_protection.h"

#include "aead.h"

namespace sluice {
namespace {

constexpr size_t kExplicitNonce = 8;  // RFC 5288 3

void put_u64(uint64_t value, char* out) noexcept {
  for (int i = 7; i >= 0; --i, value >>= 8) out[i] = static_cast<char>(value);
}

void put_u16(size_t value, char* out) noexcept {
  out[0] = static_cast<char>(value >> 8);
  out[1] = static_cast<char>(value);
}

bool has_explicit_nonce(const RecordState& state) noexcept { return state.version == kTls12 && state.suite != AeadSuite::chacha20_poly1305; }

// RFC 8446 5.3, RFC 7905 2: the IV with the number of the record in its last octets.
void number_nonce(const TrafficKeys& keys, uint8_t (&nonce)[kAeadNonce]) noexcept {
  std::memcpy(nonce, keys.iv, sizeof nonce);
  for (size_t i = 0; i < 8; ++i) nonce[4 + i] ^= static_cast<uint8_t>(keys.number >> (56 - 8 * i));
}

void explicit_nonce(const TrafficKeys& keys, const char* carried, uint8_t (&nonce)[kAeadNonce]) noexcept {
  std::memcpy(nonce, keys.iv, 4);
  std::memcpy(nonce + 4, carried, kExplicitNonce);
}

// RFC 5246 6.2.3.3: number, type, version, length of the plaintext.
Text associated_12(const TrafficKeys& keys, const char* head, size_t size, char (&out)[13]) noexcept {
  put_u64(keys.number, out);
  std::memcpy(out + 8, head, 3);
  put_u16(size, out + 11);
  return Text(out, sizeof out);
}

void put_head(ContentType type, size_t size, char* out) noexcept {
  out[0] = static_cast<char>(type);
  put_u16(kTls12, out + 1);  // TLS 1.3 has the same octets here
  put_u16(size, out + 3);
}

size_t seal_13(RecordState& state, ContentType type, RecordContent content, char* record) noexcept {
  TrafficKeys& keys = state.out;
  uint8_t nonce[kAeadNonce];
  number_nonce(keys, nonce);
  ++keys.number;
  char* const text = record + kTlsHead;
  content.copy(text);
  text[content.size()] = static_cast<char>(type);
  const size_t size = content.size() + 1;
  put_head(ContentType::application_data, size + kAeadTag, record);
  return aead_seal(state.suite, keys.key, nonce, Text(record, kTlsHead), text, size, text + size) ? kTlsHead + size + kAeadTag : 0;
}

size_t seal_12(RecordState& state, ContentType type, RecordContent content, char* record) noexcept {
  TrafficKeys& keys = state.out;
  uint8_t nonce[kAeadNonce];
  char* text = record + kTlsHead;
  if (has_explicit_nonce(state)) {
    put_u64(keys.explicit_nonce++, text);
    explicit_nonce(keys, text, nonce);
    text += kExplicitNonce;
  } else {
    number_nonce(keys, nonce);
  }
  content.copy(text);
  const size_t end = static_cast<size_t>(text - record) + content.size() + kAeadTag;
  put_head(type, end - kTlsHead, record);
  char associated[13];
  const Text with = associated_12(keys, record, content.size(), associated);
  ++keys.number;
  return aead_seal(state.suite, keys.key, nonce, with, text, content.size(), text + content.size()) ? end : 0;
}

// RFC 8446 5.4: zeros behind the type are padding.
TlsAlert strip_padding(const char* plain, size_t& size, ContentType& type) noexcept {
  while (size > 0 && plain[size - 1] == 0) --size;
  if (size == 0) return TlsAlert::unexpected_message;
  type = static_cast<ContentType>(plain[--size]);
  return TlsAlert::none;
}

}  // namespace

size_t seal_record(RecordState& state, ContentType type, RecordContent content, char* record) noexcept {
  if (content.size() > kMaxContent || state.out.number >= kMaxNumber) return 0;
  return state.version == kTls13 ? seal_13(state, type, content, record) : seal_12(state, type, content, record);
}

TlsAlert record_size(const RecordState& state, const char* head, size_t& size) noexcept {
  const auto type = static_cast<ContentType>(head[0]);
  // RFC 8446 5.2: what is not sealed no longer exists.
  const bool known = state.version == kTls13 ? type == ContentType::application_data : type >= ContentType::change_cipher_spec && type <= ContentType::application_data;
  if (head[1] != 3 || (state.version == kTls12 && head[2] != 3)) return TlsAlert::protocol_version;
  if (!known) return TlsAlert::unexpected_message;
  const size_t body = static_cast<size_t>(static_cast<uint8_t>(head[3])) << 8 | static_cast<uint8_t>(head[4]);
  size = kTlsHead + body;
  return body > kMaxContent + (state.version == kTls13 ? 256 : 2048) ? TlsAlert::record_overflow : TlsAlert::none;
}

TlsAlert open_record(RecordState& state, Text record, char* plain, ContentType& type, size_t& size) noexcept {
  TrafficKeys& keys = state.in;
  if (keys.number >= kMaxNumber) return TlsAlert::internal_error;
  const bool is_13 = state.version == kTls13;
  const size_t before = has_explicit_nonce(state) ? kTlsHead + kExplicitNonce : kTlsHead;
  if (record.size() < before + kAeadTag + (is_13 ? 1 : 0)) return TlsAlert::bad_record_mac;  // TLS 1.3 seals a type at least
  const Text sealed = record.substr(before);
  size = sealed.size() - kAeadTag;
  type = static_cast<ContentType>(record[0]);
  uint8_t nonce[kAeadNonce];
  char associated[13];
  if (has_explicit_nonce(state)) explicit_nonce(keys, record.data() + kTlsHead, nonce);
  else number_nonce(keys, nonce);
  const Text with = is_13 ? record.substr(0, kTlsHead) : associated_12(keys, record.data(), size, associated);
  if (!aead_open(state.suite, keys.key, nonce, with, sealed, plain)) return TlsAlert::bad_record_mac;
  ++keys.number;
  if (is_13) {
    const TlsAlert fault = strip_padding(plain, size, type);
    if (fault != TlsAlert::none) return fault;
  }
  return size > state.max_content ? TlsAlert::record_overflow : TlsAlert::none;
}

}  // namespace sluice
