// An IP address and port in one normal form: IPv4 is kept as ::ffff:a.b.c.d, so equal peers compare equal octet by octet.
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
  // Port 0, 0.0.0.0/8, ::, multicast or 240.0.0.0/4 with its broadcast: never a peer to send to.
  bool is_unusable_peer() const noexcept;
  bool same_ip(const Address& other) const noexcept { return std::memcmp(ip, other.ip, 16) == 0; }
  bool operator==(const Address& other) const noexcept { return same_ip(other) && port == other.port; }
};

constexpr size_t kMaxIpText = 46;  // longest IPv6 text and a NUL

// Reads an IPv4 or IPv6 address, only the latter with or without brackets; zone ids are refused (T6-11). The port of `out` is left
// alone, and on false all of it.
bool parse_ip(Text text, Address& out) noexcept;

// Writes the address without brackets in its shortest form (RFC 5952), with a NUL behind it, and returns its length; `out` holds
// kMaxIpText octets.
size_t format_ip(const Address& address, char* out) noexcept;

// Of a family that is not IP: all zero. A scope id is lost.
Address from_sockaddr(const sockaddr* source) noexcept;

// `v6_socket`: the socket is AF_INET6, so an IPv4 peer is written in its mapped form. Returns the length of the address; 0, with which
// no socket call succeeds, when an IPv4 socket cannot reach it.
socklen_t to_sockaddr(const Address& address, bool v6_socket, sockaddr_storage* out) noexcept;

}  // namespace sluice
