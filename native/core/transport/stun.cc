#include "core/transport/stun.h"

#include <array>
#include <cstring>

#include "core/base/network_order.h"

namespace sluice {
namespace {

constexpr size_t kHeader = 20;
constexpr uint32_t kCookie = 0x2112A442;
constexpr uint16_t kBindingRequest = 0x0001, kBindingSuccess = 0x0101, kBindingError = 0x0111;
constexpr uint16_t kMessageIntegrity = 0x0008, kErrorCode = 0x0009, kUnknownAttributes = 0x000A, kMessageIntegritySha256 = 0x001C;
constexpr uint16_t kXorMappedAddress = 0x0020, kFingerprint = 0x8028;
constexpr uint32_t kFingerprintXor = 0x5354554E;
constexpr size_t kMaxUnknown = 4;  // a response names at most this many, so it stays short

constexpr std::array<uint32_t, 256> make_crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? value >> 1 ^ 0xEDB88320 : value >> 1;
    table[i] = value;
  }
  return table;
}

constexpr std::array<uint32_t, 256> kCrc = make_crc_table();

uint32_t crc32(const uint8_t* data, size_t size) noexcept {
  uint32_t crc = 0xFFFFFFFF;
  for (size_t i = 0; i < size; ++i) crc = kCrc[(crc ^ data[i]) & 0xFF] ^ crc >> 8;
  return ~crc;
}

// The comprehension-required attributes of RFC 8489 itself (18.3.1). None of them matters to a keep-alive, so they are ignored.
bool is_known_attribute(uint16_t type) noexcept {
  switch (type) {
    case 0x0001:  // MAPPED-ADDRESS
    case 0x0006:  // USERNAME
    case kMessageIntegrity:
    case kErrorCode:
    case kUnknownAttributes:
    case 0x0014:  // REALM
    case 0x0015:  // NONCE
    case kMessageIntegritySha256:
    case 0x001D:  // PASSWORD-ALGORITHM
    case 0x001E:  // USERHASH
    case kXorMappedAddress:
      return true;
    default:
      return type >= 0x8000;
  }
}

size_t put_xor_address(uint8_t* at, const Address& source, const uint8_t* transaction) noexcept {
  const bool v4 = source.is_v4();
  const size_t octets = v4 ? 4 : 16;
  put16(at, kXorMappedAddress);
  put16(at + 2, static_cast<uint16_t>(4 + octets));
  at[4] = 0;
  at[5] = v4 ? 1 : 2;
  put16(at + 6, source.port ^ static_cast<uint16_t>(kCookie >> 16));
  uint8_t mask[16];
  put32(mask, kCookie);
  std::memcpy(mask + 4, transaction, 12);
  for (size_t i = 0; i < octets; ++i) at[8 + i] = source.ip[16 - octets + i] ^ mask[i];
  return 8 + octets;
}

}  // namespace

StunResult answer_stun(const uint8_t* data, size_t size, const Address& source, uint8_t* out, size_t* out_size) noexcept {
  if (size == 0 || data[0] > 1) return StunResult::not_stun;
  if (size < kHeader || get32(data + 4) != kCookie || get16(data) != kBindingRequest) return StunResult::ignore;
  const size_t length = get16(data + 2);
  if (length % 4 != 0 || length + kHeader != size) return StunResult::ignore;
  uint16_t unknown[kMaxUnknown];
  size_t unknown_count = 0;
  bool fingerprint = false;
  bool sealed = false;  // after MESSAGE-INTEGRITY everything else is ignored (RFC 8489 14.5)
  for (size_t at = kHeader; at < size;) {
    if (size - at < 4 || fingerprint) return StunResult::ignore;  // FINGERPRINT comes last (RFC 8489 14.7)
    const uint16_t type = get16(data + at);
    const size_t value = get16(data + at + 2);
    const size_t padded = (value + 3) & ~size_t{3};
    if (padded > size - at - 4) return StunResult::ignore;
    if (type == kFingerprint) {
      if (value != 4 || get32(data + at + 4) != (crc32(data, at) ^ kFingerprintXor)) return StunResult::ignore;
      fingerprint = true;
    } else if (!sealed && !is_known_attribute(type) && unknown_count < kMaxUnknown) {
      unknown[unknown_count++] = type;
    }
    sealed |= type == kMessageIntegrity || type == kMessageIntegritySha256;
    at += 4 + padded;
  }

  std::memcpy(out, data, kHeader);
  size_t done = kHeader;
  put16(out, unknown_count == 0 ? kBindingSuccess : kBindingError);
  if (unknown_count == 0) {
    done += put_xor_address(out + done, source, data + 8);
  } else {
    put16(out + done, kErrorCode);
    put16(out + done + 2, 4);
    put32(out + done + 4, 4u << 8 | 20);  // class and number; the reason phrase is empty
    done += 8;
    put16(out + done, kUnknownAttributes);
    put16(out + done + 2, static_cast<uint16_t>(2 * unknown_count));
    for (size_t i = 0; i < unknown_count; ++i) put16(out + done + 4 + 2 * i, unknown[i]);
    done += 4 + 2 * unknown_count;
    for (; done % 4 != 0; ++done) out[done] = 0;
  }
  put16(out + 2, static_cast<uint16_t>(done - kHeader + (fingerprint ? 8 : 0)));
  if (fingerprint) {
    put16(out + done, kFingerprint);
    put16(out + done + 2, 4);
    put32(out + done + 4, crc32(out, done) ^ kFingerprintXor);
    done += 8;
  }
  *out_size = done;
  return StunResult::reply;
}

}  // namespace sluice
