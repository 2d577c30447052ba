// What the loop needs from TLS: a session works on octets and knows nothing of sockets. native/tls implements it; the core itself, its
// tests and its fuzzers are built without OpenSSL.
#pragma once

#include <sys/uio.h>

#include <memory>
#include <vector>

#include "core/base/bytes.h"

namespace sluice {

enum class TlsResult : uint8_t {
  ok,
  closed,  // the peer closed its side (close_notify)
  failed,  // not TLS, an alert, or a certificate that we reject
};

class TlsSession {
 public:
  virtual ~TlsSession() = default;

  // Takes from the front of `wire`, received from the peer, what it can use, writes up to `room` octets of plaintext to `plain`, and appends to
  // `out` what must be sent to the peer. What is left of `wire` must precede what arrives next. A `room` of wire.size() + kTlsSlack always
  // suffices. A dialling session starts with an empty `wire`.
  virtual TlsResult receive(Text& wire, char* plain, size_t room, size_t& size, std::vector<char>& out) noexcept = 0;

  // Appends `plain` to `out` as TLS records; false: the session has failed.
  virtual bool send(Text plain, std::vector<char>& out) noexcept = 0;

  // The same for parts of `octets` in all that fit in one record: writes it to `room`, which has kTlsRecordExtra octets more, and returns its size.
  // 0: nothing was written, and send() may do it.
  virtual size_t send_parts(const iovec*, size_t, size_t, char*) noexcept { return 0; }
  // send_parts() follows soon, or, if not `sends`, receive(): what these will read of the connection is fetched from memory.
  virtual void fetch([[maybe_unused]] bool sends) const noexcept {}

  // Appends close_notify.
  virtual void close(std::vector<char>& out) noexcept = 0;

  // The handshake is complete, and the peer is who it must be.
  virtual bool is_open() const noexcept = 0;
  virtual bool was_resumed() const noexcept = 0;
  // Why it failed, for the log; a constant text.
  virtual Text fault() const noexcept = 0;

  // Once it is open: the session that takes its place, beginning with what is left of `wire`. nullptr: this one stays.
  virtual std::unique_ptr<TlsSession> successor() noexcept { return nullptr; }

  // Everything it is, as plain octets that another process can go on with (TlsProvider::resume); empty: it cannot leave this one.
  virtual Text state() const noexcept { return Text(); }
  // From now on it is in that memory, which is ours until the session ends, and always up to date. False: it needs more, or has no such state.
  virtual bool live_in(char*, size_t) noexcept { return false; }
};

constexpr size_t kTlsSlack = 20 * 1024;  // an unfinished record in the session
constexpr size_t kTlsRecordExtra = 32;   // what a record has beside its content, or less

// The certificates and rules in force. Sessions keep those they began with, so a provider may be replaced at any time.
class TlsProvider {
 public:
  virtual ~TlsProvider() = default;
  // nullptr: there is no certificate to present.
  virtual std::unique_ptr<TlsSession> accept() noexcept = 0;
  // To a peer that must prove that it is `name` (RFC 5922 7.2).
  virtual std::unique_ptr<TlsSession> dial(Text name) noexcept = 0;
  // One that has left another process, by its state(). nullptr: this is no such state.
  virtual std::unique_ptr<TlsSession> resume(Text) noexcept { return nullptr; }
};

}  // namespace sluice
