// Sockets of the benchmark programs: addresses from the command line, and the options they all set.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "die.h"

namespace sluice::bench {

// "127.0.0.1:5060"
inline sockaddr_in parse_address(const std::string& text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  size_t colon = text.rfind(':');
  int port = colon == std::string::npos ? 0 : std::atoi(text.c_str() + colon + 1);
  if (port <= 0 || port > 65535 || inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    std::fprintf(stderr, "not an IPv4 address and port: %s\n", text.c_str());
    std::exit(2);
  }
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

inline void set_option(int fd, int level, int name, int value) { setsockopt(fd, level, name, &value, sizeof value); }

inline void set_nonblocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

// For a lossless measurement a burst must fit. Forcing the size works only for root.
inline void widen_buffers(int fd, int octets) {
  set_option(fd, SOL_SOCKET, SO_RCVBUF, octets);
  set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, octets);
  set_option(fd, SOL_SOCKET, SO_SNDBUF, octets);
}

inline int bound_socket(int type, const sockaddr_in& address) {
  int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  if (type == SOCK_STREAM) set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) die("bind");
  return fd;
}

inline int listening_socket(const sockaddr_in& address) {
  int fd = bound_socket(SOCK_STREAM, address);
  if (listen(fd, 4096) != 0) die("listen");
  return fd;
}

}  // namespace sluice::bench
