// From a handshake of OpenSSL's to records of our own. What OpenSSL does not tell afterwards is collected on the way.
#pragma once

#include "core/base/bytes.h"
#include "key_arena.h"
#include "openssl_ptr.h"

namespace sluice {

class HandshakeWatch {
 public:
  HandshakeWatch() noexcept = default;
  ~HandshakeWatch() noexcept;
  HandshakeWatch(const HandshakeWatch&) = delete;
  HandshakeWatch& operator=(const HandshakeWatch&) = delete;

  // A line for a key log: in no other way does OpenSSL tell the secrets of TLS 1.3.
  void note_secret(Text line) noexcept;
  // The whole records that one call of OpenSSL's has written.
  void note_flight(Text records) noexcept;

  // What our records need after this handshake, whose last flight is `flight`. nullptr: OpenSSL must go on, because the suite is not one of
  // ours, because it has octets left, or because the last record that it sealed does not open with what we found.
  RecordStatePtr take_over(SSL* ssl, Text flight) const noexcept;

  // OpenSSL 3.0 frees an SSL object without overwriting the traffic secrets in it. After take_over() it no longer needs them.
  void clear_secrets(SSL* ssl) const noexcept;

 private:
  bool find_keys_13(RecordState& state, Text flight) const noexcept;
  bool find_keys_13_dialled(RecordState& state) const noexcept;
  bool find_keys_12(SSL* ssl, RecordState& state) const noexcept;

  uint8_t client_secret_[48] = {};
  uint8_t server_secret_[48] = {};
  size_t client_size_ = 0;
  size_t server_size_ = 0;
  bool has_changed_cipher_ = false;
  size_t finished_size_ = 0;
  char finished_[64];  // TLS 1.2: the record of our Finished
};

}  // namespace sluice
