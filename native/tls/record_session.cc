#include "record_session.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>

#include "key_schedule.h"

namespace sluice {
namespace {

// The same patience as OpenSSL's, where it has any.
constexpr uint8_t kMaxWarnings = 4;
constexpr uint8_t kMaxEmptyRecords = 32;

// A KeyUpdate costs two derivations and perhaps a response: who asks for one more often than once in so many records may do so only this often.
constexpr uint64_t kFewRecords = 16;
constexpr uint8_t kMaxHastyUpdates = 32;

constexpr uint8_t kHelloRequest = 0;
constexpr uint8_t kClientHello = 1;
constexpr uint8_t kNewSessionTicket = 4;
constexpr size_t kMostTicket = 66 << 10;  // a ticket of 64 KB, its nonce and its extensions
constexpr uint8_t kKeyUpdate = 24;
constexpr size_t kKeyUpdateSize = 5;

}  // namespace

std::unique_ptr<RecordSession> RecordSession::resume(Text state) noexcept {
  RecordStatePtr own = state.size() == sizeof(RecordState) ? new_record_state() : nullptr;
  if (!own) return nullptr;
  std::memcpy(own.get(), state.data(), sizeof *own);
  const bool is_known = (own->version == kTls12 || own->version == kTls13) && own->suite <= AeadSuite::chacha20_poly1305;
  if (!is_known || own->message_size >= kKeyUpdateSize || own->in.note > kMostTicket || own->max_content == 0 || own->max_content > kMaxContent) return nullptr;
  return std::make_unique<RecordSession>(std::move(own));
}

bool RecordSession::live_in(char* memory, size_t octets) noexcept {
  if (octets < sizeof(RecordState)) return false;
  if (memory == reinterpret_cast<char*>(state_.get())) return true;
  auto* const state = reinterpret_cast<RecordState*>(memory);
  std::memcpy(state, state_.get(), sizeof *state);
  state_ = RecordStatePtr(state, ForgetKeys{true});
  return true;
}

TlsResult RecordSession::receive(Text& wire, char* plain, size_t room, size_t& size, std::vector<char>& out) noexcept {
  RecordState& state = *state_;
  size = 0;
  while (!state.is_over && !state.peer_closed && wire.size() >= kTlsHead) {
    size_t whole = 0;
    const TlsAlert unfit = record_size(state, wire.data(), whole);
    if (unfit != TlsAlert::none) return fail(unfit, unfit == TlsAlert::record_overflow ? "record too long" : "not a TLS record", out);
    if (wire.size() < whole) break;
    if (room - size < whole) return fail(TlsAlert::internal_error, "no room for a record", out);
    ContentType type = ContentType::invalid;
    size_t length = 0;
    const TlsAlert alert = open_record(state, wire.substr(0, whole), plain + size, type, length);
    if (alert != TlsAlert::none) return fail(alert, alert == TlsAlert::bad_record_mac ? "decryption failed or bad record mac" : "bad record", out);
    wire.remove_prefix(whole);
    // RFC 8446 5.1: a handshake message must not be interleaved with anything else.
    if ((state.message_size > 0 || state.in.note > 0) && type != ContentType::handshake) return fail(TlsAlert::unexpected_message, "a record inside a handshake message", out);
    if (length > 0) state.empty_records = 0;
    else if (++state.empty_records > kMaxEmptyRecords) return fail(TlsAlert::unexpected_message, "too many empty records", out);
    if (type == ContentType::application_data) {
      size += length;
      state.warnings = 0;
      continue;
    }
    const TlsResult result = take(type, Text(plain + size, length), out);
    if (result == TlsResult::failed) return result;
  }
  if (state.is_over && !state.peer_closed) return TlsResult::failed;
  if (!state.peer_closed) return TlsResult::ok;
  wire = Text();  // RFC 8446 6.1: whatever follows close_notify is ignored
  return TlsResult::closed;
}

TlsResult RecordSession::take(ContentType type, Text content, std::vector<char>& out) noexcept {
  if (type == ContentType::alert) return take_alert(content, out);
  if (type != ContentType::handshake) return fail(TlsAlert::unexpected_message, "a record of an unknown type", out);
  return state_->version == kTls13 ? take_handshake_13(content, out) : take_handshake_12(content, out);
}

// RFC 8446 6, RFC 5246 7.2.
TlsResult RecordSession::take_alert(Text content, std::vector<char>& out) noexcept {
  if (content.size() != 2) return fail(TlsAlert::unexpected_message, "bad alert", out);
  const bool is_13 = state_->version == kTls13;
  const bool fatal = content[0] == SSL3_AL_FATAL;
  const auto alert = static_cast<TlsAlert>(content[1]);
  const bool closes = alert == TlsAlert::close_notify && (is_13 || !fatal);
  // user_canceled announces a close_notify; in TLS 1.3 the level of an alert means nothing.
  const bool ignored = is_13 ? alert == TlsAlert::user_canceled : content[0] == SSL3_AL_WARNING;
  if (closes) {
    state_->peer_closed = 1;
    return TlsResult::closed;
  }
  if (ignored) return ++state_->warnings > kMaxWarnings ? fail(TlsAlert::unexpected_message, "too many warnings", out) : TlsResult::ok;
  if (!is_13 && !fatal) return fail(TlsAlert::illegal_parameter, "unknown alert level", out);
  state_->is_over = 1;
  fault_ = SSL_alert_desc_string_long(static_cast<uint8_t>(content[1]));
  return TlsResult::failed;
}

// RFC 8446 4.6: of what may follow a handshake, a client sends KeyUpdate only, for we never ask it for a certificate later. A server also sends
// tickets, which we do not use: a connection to the core is dialled rarely.
TlsResult RecordSession::take_handshake_13(Text content, std::vector<char>& out) noexcept {
  RecordState& state = *state_;
  if (content.empty()) return fail(TlsAlert::unexpected_message, "an empty handshake record", out);
  for (size_t i = 0; i < content.size(); ++i) {
    if (state.in.note > 0) {
      const size_t skipped = std::min<size_t>(state.in.note, content.size() - i);
      state.in.note -= static_cast<uint32_t>(skipped);
      i += skipped - 1;
      continue;
    }
    state.message[state.message_size++] = static_cast<uint8_t>(content[i]);
    if (state.message[0] == kNewSessionTicket && state.has_dialled()) {
      if (state.message_size == 4 && take_ticket(out) != TlsResult::ok) return TlsResult::failed;
      continue;
    }
    if (state.message[0] != kKeyUpdate) return fail(TlsAlert::unexpected_message, "an unexpected handshake message", out);
    if (state.message_size == 4 && (state.message[1] != 0 || state.message[2] != 0 || state.message[3] != 1)) return fail(TlsAlert::decode_error, "bad KeyUpdate", out);
    if (state.message_size < kKeyUpdateSize) continue;
    state.message_size = 0;
    // RFC 8446 5.1: a message before a change of keys ends its record.
    if (i + 1 != content.size()) return fail(TlsAlert::unexpected_message, "octets after KeyUpdate", out);
    return take_key_update(out);
  }
  return TlsResult::ok;
}

// Its head; the rest is skipped.
TlsResult RecordSession::take_ticket(std::vector<char>& out) noexcept {
  RecordState& state = *state_;
  const uint32_t size = uint32_t{state.message[1]} << 16 | uint32_t{state.message[2]} << 8 | state.message[3];
  state.message_size = 0;
  state.in.note = size;
  return size <= kMostTicket ? TlsResult::ok : fail(TlsAlert::decode_error, "a ticket that is too long", out);
}

TlsResult RecordSession::take_key_update(std::vector<char>& out) noexcept {
  RecordState& state = *state_;
  const uint8_t request = state.message[4];
  if (request > 1) return fail(TlsAlert::illegal_parameter, "bad KeyUpdate", out);
  if (state.in.number <= kFewRecords && ++state.hasty_updates > kMaxHastyUpdates) return fail(TlsAlert::unexpected_message, "too many KeyUpdates", out);
  if (!update_keys(state.suite, state.in)) return fail(TlsAlert::internal_error, "no keys", out);
  return request == 0 || state.is_over || update_own_keys(out) ? TlsResult::ok : fail(TlsAlert::internal_error, "no keys", out);
}

// Renegotiation lets attackers burn our CPU, and nothing in SIP needs it. RFC 5246 7.2.2 refuses it with a warning, and so do we, a few times.
TlsResult RecordSession::take_handshake_12(Text content, std::vector<char>& out) noexcept {
  const bool asks = !content.empty() && content[0] == (state_->has_dialled() ? kHelloRequest : kClientHello);
  if (!asks || ++state_->warnings > kMaxWarnings) return fail(TlsAlert::unexpected_message, "an unexpected handshake message", out);
  return send_alert(false, TlsAlert::no_renegotiation, out) ? TlsResult::ok : TlsResult::failed;
}

bool RecordSession::update_own_keys(std::vector<char>& out) noexcept {
  if (state_->version != kTls13) return false;
  constexpr char kMessage[kKeyUpdateSize] = {kKeyUpdate, 0, 0, 1, 0};  // we do not ask for new keys of the peer
  if (seal(ContentType::handshake, Text(kMessage, sizeof kMessage), out) && update_keys(state_->suite, state_->out)) return true;
  state_->is_over = 1;
  return false;
}

bool RecordSession::send(Text plain, std::vector<char>& out) noexcept {
  while (!plain.empty()) {
    if (state_->is_over) return false;
    if (state_->out.number >= kRecordsPerKey && state_->version == kTls13 && !update_own_keys(out)) return false;
    const Text content = plain.substr(0, state_->max_content);
    if (!seal(ContentType::application_data, content, out)) return false;
    plain.remove_prefix(content.size());
  }
  return !state_->is_over;
}

size_t RecordSession::send_parts(const iovec* parts, size_t count, size_t octets, char* room) noexcept {
  const bool needs_keys = state_->out.number >= kRecordsPerKey && state_->version == kTls13;
  if (state_->is_over || needs_keys || octets == 0 || octets > state_->max_content) return 0;
  const size_t size = seal_record(*state_, ContentType::application_data, RecordContent(parts, count, octets), room);
  if (size == 0) state_->is_over = 1;
  return size;
}

void RecordSession::fetch(bool sends) const noexcept {
  const TrafficKeys& keys = sends ? state_->out : state_->in;
  __builtin_prefetch(state_.get(), 1);
  __builtin_prefetch(keys.key, 1);
  __builtin_prefetch(&keys.explicit_nonce, 1);
}

void RecordSession::close(std::vector<char>& out) noexcept {
  if (state_->is_over) return;
  send_alert(false, TlsAlert::close_notify, out);
  state_->is_over = 1;
}

bool RecordSession::seal(ContentType type, Text content, std::vector<char>& out) noexcept {
  const iovec part{const_cast<char*>(content.data()), content.size()};
  return seal(type, RecordContent(part), out);
}

bool RecordSession::seal(ContentType type, RecordContent content, std::vector<char>& out) noexcept {
  const size_t before = out.size();
  out.resize(before + content.size() + kMaxOverhead);
  const size_t size = seal_record(*state_, type, content, out.data() + before);
  out.resize(before + size);
  if (size == 0) state_->is_over = 1;
  return size > 0;
}

bool RecordSession::send_alert(bool fatal, TlsAlert alert, std::vector<char>& out) noexcept {
  const char content[2] = {static_cast<char>(fatal ? SSL3_AL_FATAL : SSL3_AL_WARNING), static_cast<char>(alert)};
  return seal(ContentType::alert, Text(content, sizeof content), out);
}

TlsResult RecordSession::fail(TlsAlert alert, const char* fault, std::vector<char>& out) noexcept {
  if (!state_->is_over) send_alert(true, alert, out);
  state_->is_over = 1;
  fault_ = fault;
  return TlsResult::failed;
}

}  // namespace sluice
