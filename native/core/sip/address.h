// An IP address and port in one normal form: IPv4 is stored as ::ffff:a.b.c.d, so equal peers compare equal octet by octet.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <cstring>

#include "core/base/bytes.h"

namespace sluice {

struct Address {
  uint8_t ip[16] = {};
  uint16_t port = 0;  // host order

  bool is_v4() const noexcept;
  bool is_loopback() const noexcept;
  // Port 0, 0.0.0.0/8, ::, multicast, or 240.0.0.0/4 including broadcast: never a peer to send to.
  bool is_unusable_peer() const noexcept;
  bool same_ip(const Address& other) const noexcept { return std::memcmp(ip, other.ip, 16) == 0; }
  bool operator==(const Address& other) const noexcept { return same_ip(other) && port == other.port; }
};

constexpr size_t kMaxIpText = 46;  // the longest IPv6 text plus a NUL

// Reads an IPv4 address, or an IPv6 address with or without brackets; zone ids are refused (T6-11). Leaves the port of `out` alone, and
// all of `out` when it returns false.
bool parse_ip(Text text, Address& out) noexcept;

// Writes the address without brackets in its shortest form (RFC 5952), followed by a NUL, and returns its length; `out` has room for
// kMaxIpText octets.
size_t format_ip(const Address& address, char* out) noexcept;

// All zero for a family other than IP. A scope id is lost.
Address from_sockaddr(const sockaddr* source) noexcept;

// `v6_socket`: the socket is AF_INET6, so an IPv4 peer is written in its mapped form. Returns the length of the address, or 0, with
// which every socket call fails, when an IPv4 socket cannot reach the peer.
socklen_t to_sockaddr(const Address& address, bool v6_socket, sockaddr_storage* out) noexcept;

}  // namespace sluice
