// A connection after its handshake: records, alerts and KeyUpdate without OpenSSL's SSL object.
#pragma once

#include "core/transport/tls_session.h"
#include "key_arena.h"
#include "record_protection.h"

namespace sluice {

// RFC 8446 5.5: AES-GCM is safe for 2^24.5 records of full length under one key.
constexpr uint64_t kRecordsPerKey = (uint64_t{1} << 24) - 1;

class RecordSession final : public TlsSession {
 public:
  explicit RecordSession(RecordStatePtr state) noexcept : state_(std::move(state)) {}

  TlsResult receive(Text& wire, char* plain, size_t room, size_t& size, std::vector<char>& out) noexcept override;
  bool send(Text plain, std::vector<char>& out) noexcept override;
  size_t send_parts(const iovec* parts, size_t count, size_t octets, char* room) noexcept override;
  void fetch(bool sends) const noexcept override;
  void close(std::vector<char>& out) noexcept override;
  bool is_open() const noexcept override { return true; }
  bool was_resumed() const noexcept override { return false; }  // the handshake has told
  Text fault() const noexcept override { return fault_; }

  Text state() const noexcept override { return Text(reinterpret_cast<const char*>(state_.get()), sizeof *state_); }
  bool live_in(char* memory, size_t octets) noexcept override;
  // nullptr: `state` is none that it could go on with.
  static std::unique_ptr<RecordSession> resume(Text state) noexcept;

  // RFC 8446 4.6.3: our records have new keys from here on. False: not in TLS 1.2.
  bool update_own_keys(std::vector<char>& out) noexcept;

 private:
  TlsResult take(ContentType type, Text content, std::vector<char>& out) noexcept;
  TlsResult take_alert(Text content, std::vector<char>& out) noexcept;
  TlsResult take_handshake_13(Text content, std::vector<char>& out) noexcept;
  TlsResult take_handshake_12(Text content, std::vector<char>& out) noexcept;
  TlsResult take_ticket(std::vector<char>& out) noexcept;
  TlsResult take_key_update(std::vector<char>& out) noexcept;
  bool seal(ContentType type, Text content, std::vector<char>& out) noexcept;
  bool seal(ContentType type, RecordContent content, std::vector<char>& out) noexcept;
  bool send_alert(bool fatal, TlsAlert alert, std::vector<char>& out) noexcept;
  TlsResult fail(TlsAlert alert, const char* fault, std::vector<char>& out) noexcept;

  RecordStatePtr state_;
  const char* fault_ = "";
};

}  // namespace sluice
