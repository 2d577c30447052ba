// What the records of a connection need once the handshake is over. Plain data without pointers, so that another process can continue with it.
#pragma once

#include <cstdint>
#include <type_traits>

namespace sluice {

enum class AeadSuite : uint8_t { aes_128_gcm, aes_256_gcm, chacha20_poly1305 };

// One direction (RFC 8446 7.3, RFC 5246 6.3).
struct TrafficKeys {
  uint8_t secret[48];       // TLS 1.3: KeyUpdate derives the next one from it
  uint8_t key[32];
  uint8_t iv[12];           // TLS 1.2 with AES-GCM: a salt of four octets (RFC 5288 3)
  uint32_t note;            // `in`: octets of a session ticket that still come; `out`: 1 if we dialled
  uint64_t number;          // of the next record
  uint64_t explicit_nonce;  // of the next record, TLS 1.2 with AES-GCM
};

struct RecordState {
  uint16_t version;        // as in RFC 8446 4.1.2: 0x0304
  AeadSuite suite;
  uint8_t message_size;
  uint8_t message[5];      // the beginning of a KeyUpdate that came in pieces
  uint8_t warnings;        // alerts in a row that change nothing
  uint8_t empty_records;   // in a row
  uint8_t hasty_updates;   // KeyUpdates of the peer soon after the one before
  uint16_t max_content;    // RFC 6066 4: of a record
  uint8_t is_over;         // failed, or closed by us: nothing may be sent
  uint8_t peer_closed;
  TrafficKeys in;
  TrafficKeys out;

  bool has_dialled() const noexcept { return out.note != 0; }
};
static_assert(sizeof(RecordState) == 240 && std::is_trivially_copyable_v<RecordState> && std::is_standard_layout_v<RecordState>);

}  // namespace sluice
