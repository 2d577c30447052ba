// One end of a TCP connection, with or without TLS: a buffer for incomplete input, and a queue for what the kernel does not take at once.
#pragma once

#include <sys/epoll.h>

#include <string>
#include <utility>

#include "framing.h"
#include "sockets.h"
#include "tls.h"

namespace sluice::bench {

class Stream {
 public:
  explicit Stream(int fd = -1, TlsSession tls = {}) : fd_(fd), tls_(std::move(tls)) {}
  Stream(Stream&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), tls_(std::move(other.tls_)), in_(std::move(other.in_)), out_(std::move(other.out_)) {}
  Stream& operator=(Stream&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(tls_, other.tls_);
    in_.swap(other.in_);
    out_.swap(other.out_);
    return *this;
  }

  // A reset instead of an orderly close leaves no port in TIME_WAIT, so that the next run can start at once.
  ~Stream() {
    if (fd_ < 0) return;
    linger hard{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fd_);
  }

  int fd() const noexcept { return fd_; }
  TlsSession& tls() noexcept { return tls_; }
  bool backlog() const noexcept { return !out_.empty(); }

  void queue(const char* data, size_t size) { out_.append(data, size); }

  // Sends at once unless something is already waiting.
  void send_now(const char* data, size_t size) {
    if (out_.empty()) {
      ssize_t n = write(data, size);
      if (n > 0) data += n, size -= static_cast<size_t>(n);
    }
    if (size > 0) out_.append(data, size);
  }

  void flush() {
    if (out_.empty()) return;
    ssize_t n = write(out_.data(), out_.size());
    if (n > 0) out_.erase(0, static_cast<size_t>(n));
  }

  // Reads into the scratch area; take(text) returns how many octets it used, or kBroken. False: the connection has ended.
  template <typename F>
  bool receive(char* scratch, size_t room, F&& take) {
    do {
      ssize_t n = tls_ ? tls_.read(scratch, room) : recv(fd_, scratch, room, 0);
      if (n < 0) return errno == EAGAIN || errno == EINTR;
      if (n == 0) return false;
      Text text(scratch, static_cast<size_t>(n));
      if (!in_.empty()) {
        in_.append(text);
        text = in_;
      }
      const size_t used = take(text);
      if (used == kBroken) return false;
      std::string rest(text.substr(used));
      in_.swap(rest);
    } while (tls_ && tls_.pending());
    return true;
  }

 private:
  ssize_t write(const char* data, size_t size) { return tls_ ? tls_.write(data, size) : ::send(fd_, data, size, MSG_NOSIGNAL); }

  int fd_;
  TlsSession tls_;
  std::string in_;
  std::string out_;
};

}  // namespace sluice::bench
