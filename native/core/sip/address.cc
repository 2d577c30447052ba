#include "core/sip/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>

namespace sluice {
namespace {

constexpr uint8_t kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

// The numbers of an IPv4 address, each with its dot.
struct Decimal {
  char text[4] = {};
  uint8_t size = 0;
};

constexpr std::array<Decimal, 256> make_decimals() {
  std::array<Decimal, 256> all{};
  for (unsigned value = 0; value < 256; ++value) {
    Decimal& one = all[value];
    if (value >= 100) one.text[one.size++] = static_cast<char>('0' + value / 100);
    if (value >= 10) one.text[one.size++] = static_cast<char>('0' + value / 10 % 10);
    one.text[one.size++] = static_cast<char>('0' + value % 10);
    one.text[one.size] = '.';
  }
  return all;
}

constexpr std::array<Decimal, 256> kDecimals = make_decimals();

char* put_hex(char* at, unsigned value) noexcept {
  int shift = 12;
  while (shift > 0 && value >> shift == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) *at++ = "0123456789abcdef"[value >> shift & 15];
  return at;
}

// RFC 5952 4.2: the longest run of two or more zero groups is left out, the first of equal ones.
char* put_groups(char* at, const uint8_t* ip) noexcept {
  int run_at = 8;
  int run = 1;
  for (int i = 0, zeros = 0; i < 8; ++i) {
    zeros = (ip[2 * i] | ip[2 * i + 1]) == 0 ? zeros + 1 : 0;
    if (zeros > run) {
      run = zeros;
      run_at = i + 1 - zeros;
    }
  }
  for (int i = 0; i < 8;) {
    if (i == run_at) {
      *at++ = ':';
      i += run;
      if (i == 8) *at++ = ':';
      continue;
    }
    if (i > 0) *at++ = ':';
    at = put_hex(at, static_cast<unsigned>(ip[2 * i] << 8 | ip[2 * i + 1]));
    ++i;
  }
  return at;
}

}  // namespace

namespace {

// Four numbers without leading zeros, as inet_pton reads them.
bool parse_v4(Text text, uint8_t* out) noexcept {
  const char* p = text.data();
  const char* const end = p + text.size();
  for (int i = 0; i < 4; ++i, ++p) {
    if (p == end || !is_digit(*p)) return false;
    unsigned value = static_cast<unsigned>(*p - '0');
    for (++p; p < end && is_digit(*p); ++p) {
      if (value == 0) return false;
      value = value * 10 + static_cast<unsigned>(*p - '0');
      if (value > 255) return false;
    }
    out[i] = static_cast<uint8_t>(value);
    if (i == 3) return p == end;
    if (p == end || *p != '.') return false;
  }
  return false;
}

}  // namespace

bool Address::is_v4() const noexcept { return std::memcmp(ip, kMappedPrefix, sizeof kMappedPrefix) == 0; }

bool Address::is_loopback() const noexcept {
  if (is_v4()) return ip[12] == 127;
  static constexpr uint8_t kLoopback[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return std::memcmp(ip, kLoopback, 16) == 0;
}

bool Address::is_unusable_peer() const noexcept {
  if (port == 0) return true;
  if (is_v4()) return ip[12] == 0 || ip[12] >= 224;
  static constexpr uint8_t kAny[16] = {};
  return ip[0] == 0xFF || std::memcmp(ip, kAny, 16) == 0;
}

bool parse_ip(Text text, Address& out) noexcept {
  const bool bracketed = text.size() >= 2 && text.front() == '[' && text.back() == ']';
  if (bracketed) text = text.substr(1, text.size() - 2);
  if (text.empty() || text.size() >= kMaxIpText) return false;
  uint8_t v4[4];
  if (!bracketed && parse_v4(text, v4)) {
    std::memcpy(out.ip, kMappedPrefix, sizeof kMappedPrefix);
    std::memcpy(out.ip + 12, v4, sizeof v4);
    return true;
  }
  // Most hosts are names.
  if (text.find(':') == Text::npos || text.find('\0') != Text::npos) return false;
  char copy[kMaxIpText];
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  in6_addr v6;
  if (inet_pton(AF_INET6, copy, &v6) != 1) return false;
  std::memcpy(out.ip, &v6, 16);
  return true;
}

size_t format_ip(const Address& address, char* out) noexcept {
  char* at = out;
  if (address.is_v4()) {
    // Four octets each time; what is too many is written over.
    for (int i = 12; i < 16; ++i) {
      const Decimal& number = kDecimals[address.ip[i]];
      std::memcpy(at, number.text, sizeof number.text);
      at += number.size + 1;
    }
    --at;
  } else {
    at = put_groups(at, address.ip);
  }
  *at = '\0';
  return static_cast<size_t>(at - out);
}

Address from_sockaddr(const sockaddr* source) noexcept {
  Address address;
  if (source->sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, source, sizeof v4);
    std::memcpy(address.ip, kMappedPrefix, sizeof kMappedPrefix);
    std::memcpy(address.ip + 12, &v4.sin_addr, 4);
    address.port = ntohs(v4.sin_port);
  } else if (source->sa_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, source, sizeof v6);
    std::memcpy(address.ip, &v6.sin6_addr, 16);
    address.port = ntohs(v6.sin6_port);
  }
  return address;
}

socklen_t to_sockaddr(const Address& address, bool v6_socket, sockaddr_storage* out) noexcept {
  if (!v6_socket) {
    if (!address.is_v4()) return 0;
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    std::memcpy(&v4.sin_addr, address.ip + 12, 4);
    std::memcpy(out, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(address.port);
  std::memcpy(&v6.sin6_addr, address.ip, 16);
  std::memcpy(out, &v6, sizeof v6);
  return sizeof v6;
}

}  // namespace sluice
