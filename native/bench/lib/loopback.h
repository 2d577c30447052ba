// What the benches of a whole shard share: sockets on loopback, a listener, and the CPU time of this thread.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

#include "core/relay/edge_config.h"
#include "die.h"

namespace sluice::bench {

inline double cpu_ns() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

inline sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

inline sockaddr* as_sockaddr(sockaddr_in& address) { return reinterpret_cast<sockaddr*>(&address); }

// A bound socket; `port` receives the kernel's choice.
inline int bound_socket(int type, uint16_t& port) {
  const int fd = socket(AF_INET, type, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (fd < 0 || bind(fd, as_sockaddr(address), size) != 0 || getsockname(fd, as_sockaddr(address), &size) != 0) die("bind");
  port = ntohs(address.sin_port);
  return fd;
}

inline uint16_t free_port(int type) {
  uint16_t port = 0;
  close(bound_socket(type, port));
  return port;
}

inline Address address_of(uint16_t port) {
  Address address;
  parse_ip("127.0.0.1", address);
  address.port = port;
  return address;
}

inline Listener listener(Transport transport, Facing facing, uint16_t port) {
  Listener out;
  out.transport = transport;
  out.facing = facing;
  out.bound = address_of(port);
  out.sent_by = "127.0.0.1:" + std::to_string(port);
  return out;
}

}  // namespace sluice::bench
