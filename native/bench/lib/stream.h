// One end of a TCP connection: whole messages out of what arrives, and a queue for what the kernel does not take at once.
#pragma once

#include <sys/epoll.h>

#include <string>
#include <utility>

#include "message.h"
#include "sockets.h"

namespace sluice::bench {

class Stream {
 public:
  explicit Stream(int fd = -1) : fd_(fd) {}
  Stream(Stream&& other) noexcept : fd_(other.fd_), in_(std::move(other.in_)), out_(std::move(other.out_)) { other.fd_ = -1; }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // A reset instead of an orderly end leaves no port in TIME_WAIT, so that runs can follow each other.
  ~Stream() {
    if (fd_ < 0) return;
    linger hard{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fd_);
  }

  int fd() const noexcept { return fd_; }
  // How many pings were answered since the last call.
  unsigned take_pongs() noexcept { return std::exchange(pongs_, 0u); }
  bool backlog() const noexcept { return !out_.empty(); }

  void queue(const char* data, size_t size) { out_.append(data, size); }

  // Sends at once when nothing waits before it.
  void send_now(const char* data, size_t size) {
    if (out_.empty()) {
      ssize_t n = ::send(fd_, data, size, MSG_NOSIGNAL);
      if (n > 0) data += n, size -= static_cast<size_t>(n);
    }
    if (size > 0) out_.append(data, size);
  }

  void flush() {
    if (out_.empty()) return;
    ssize_t n = ::send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL);
    if (n > 0) out_.erase(0, static_cast<size_t>(n));
  }

  // Reads once into the scratch area and calls f(message) for each whole message. False when the connection has ended.
  template <typename F>
  bool receive(char* scratch, size_t room, F&& f) {
    ssize_t n = recv(fd_, scratch, room, 0);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    Text text(scratch, static_cast<size_t>(n));
    if (!in_.empty()) {
      in_.append(text);
      text = in_;
    }
    size_t used = 0;
    while (used < text.size()) {
      // Between messages a line end is the answer to a ping (RFC 5626 3.5.1).
      if (text[used] == '\r' || text[used] == '\n') {
        pongs_ += text[used++] == '\n';
        continue;
      }
      Message m;
      Read read = read_message(text.substr(used), m);
      if (read == Read::kBad) return false;
      if (read == Read::kPartial) break;
      f(m);
      used += m.size;
    }
    std::string rest(text.substr(used));
    in_.swap(rest);
    return true;
  }

 private:
  int fd_;
  std::string in_;
  std::string out_;
  unsigned pongs_ = 0;
};

}  // namespace sluice::bench
