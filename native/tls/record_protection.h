// Records, sealed and opened (RFC 8446 5.2; RFC 5246 6.2.3.3 with RFC 5288 and RFC 7905).
#pragma once

#include <sys/uio.h>

#include <cstring>

#include "core/base/bytes.h"
#include "core/transport/tls_session.h"
#include "record_state.h"

namespace sluice {

constexpr uint16_t kTls12 = 0x0303;
constexpr uint16_t kTls13 = 0x0304;

enum class ContentType : uint8_t { invalid = 0, change_cipher_spec = 20, alert = 21, handshake = 22, application_data = 23 };

// RFC 8446 6, as far as records need them.
enum class TlsAlert : uint8_t {
  close_notify = 0,
  unexpected_message = 10,
  bad_record_mac = 20,
  record_overflow = 22,
  illegal_parameter = 47,
  decode_error = 50,
  protocol_version = 70,
  internal_error = 80,
  user_canceled = 90,
  no_renegotiation = 100,
  none = 255,  // no fault
};

constexpr size_t kTlsHead = 5;
constexpr size_t kMaxContent = 1 << 14;
constexpr size_t kMaxOverhead = kTlsHead + 8 + 1 + 16;  // what sealing adds
static_assert(kMaxOverhead <= kTlsRecordExtra);
constexpr uint64_t kMaxNumber = uint64_t{1} << 48;  // no record goes out under a higher number

// What goes into one record: pieces, which are copied only once.
class RecordContent {
 public:
  // `size`: of all parts.
  RecordContent(const iovec* parts, size_t count, size_t size) noexcept : parts_(parts), count_(count), size_(size) {}
  explicit RecordContent(const iovec& only) noexcept : RecordContent(&only, 1, only.iov_len) {}
  size_t size() const noexcept { return size_; }
  void copy(char* to) const noexcept {
    for (size_t i = 0; i < count_; to += parts_[i++].iov_len)
      if (parts_[i].iov_len > 0) std::memcpy(to, parts_[i].iov_base, parts_[i].iov_len);
  }

 private:
  const iovec* parts_;
  size_t count_;
  size_t size_;
};

// Writes one record of up to kMaxContent octets and moves on to the next number, whatever becomes of the record. Returns its size; 0: it cannot be
// sealed, and nothing may be sent any more.
size_t seal_record(RecordState& state, ContentType type, RecordContent content, char* record) noexcept;

// The size of the record that begins with these kTlsHead octets.
TlsAlert record_size(const RecordState& state, const char* head, size_t& size) noexcept;

// Opens a whole record into `plain`, which has room for record.size() octets.
TlsAlert open_record(RecordState& state, Text record, char* plain, ContentType& type, size_t& size) noexcept;

}  // namespace sluice
