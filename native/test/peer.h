// A socket of a client or of the core on loopback, which never waits.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "arrival.h"
#include "check.h"

namespace sluice::test {

inline sockaddr_in loopback(uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  out.sin_port = htons(port);
  return out;
}

class Peer {
 public:
  Peer() = default;
  explicit Peer(int fd) : fd_(fd) { fcntl(fd_, F_SETFL, O_NONBLOCK); }
  Peer(Peer&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Peer& operator=(Peer&& other) noexcept {
    close();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  ~Peer() { close(); }

  static Peer bound(int type, uint16_t port = 0, const char* from = "127.0.0.1") {
    const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    const int on = 1, room = 4 << 20;
    // Not for any port: the kernel might then choose one that a shard has, and the peer would talk to itself.
    if (port != 0) {
      setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    }
    if (type == SOCK_DGRAM && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    sockaddr_in at = loopback(port);
    inet_pton(AF_INET, from, &at.sin_addr);
    CHECK(bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    return Peer(fd);
  }
  // A port that a shard may open as long as this keeps everybody else away: the load of another program opens thousands of connections a second.
  static Peer reserved(int type) {
    Peer peer = bound(type);
    const int on = 1;
    for (const int option : {SO_REUSEADDR, SO_REUSEPORT}) CHECK(setsockopt(peer.fd_, SOL_SOCKET, option, &on, sizeof on) == 0);
    return peer;
  }
  static Peer listening() {
    Peer peer = bound(SOCK_STREAM);
    CHECK(listen(peer.fd_, 16) == 0);
    return peer;
  }
  static Peer udp(uint16_t to, const char* from = "127.0.0.1") {
    Peer peer = bound(SOCK_DGRAM, 0, from);
    peer.connect_to(to);
    return peer;
  }
  static Peer tcp(uint16_t to, const char* from = "127.0.0.1") {
    Peer peer(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    fcntl(peer.fd_, F_SETFL, 0);
    sockaddr_in at = loopback(0);
    inet_pton(AF_INET, from, &at.sin_addr);
    CHECK(bind(peer.fd_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    peer.connect_to(to);
    fcntl(peer.fd_, F_SETFL, O_NONBLOCK);
    peer.send_at_once();
    return peer;
  }

  uint16_t port() const {
    sockaddr_in at{};
    socklen_t size = sizeof at;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
    return ntohs(at.sin_port);
  }
  Peer accept() const {
    await_arrival();
    Peer peer(::accept(fd_, nullptr, nullptr));
    peer.send_at_once();
    return peer;
  }
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }

  ssize_t send(const std::string& octets) const { return ::send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL); }
  void send_to(uint16_t port, const std::string& octets) const {
    sockaddr_in to = loopback(port);
    sendto(fd_, octets.data(), octets.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
  }
  // What has been sent to it; ends with "<EOF>" if the other side has closed, "<RESET>" if it was cut off.
  std::string drain() const {
    await_arrival();
    std::string all;
    std::string room(1 << 16, '\0');
    ssize_t n;
    while ((n = recv(fd_, room.data(), room.size(), MSG_DONTWAIT)) > 0) all.append(room.data(), static_cast<size_t>(n));
    if (n == 0) all += "<EOF>";
    else if (errno == ECONNRESET) all += "<RESET>";
    return all;
  }
  void reset() {
    const linger now{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  void half_close() const { shutdown(fd_, SHUT_WR); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void connect_to(uint16_t to) const {
    sockaddr_in at = loopback(to);
    CHECK(connect(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
  }

 private:
  void send_at_once() const {
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }

  int fd_ = -1;
};

}  // namespace sluice::test
