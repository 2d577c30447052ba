// Datagrams of one turn that leave by one socket, sent with as few system calls as there can be.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "address.h"
#include "bytes.h"
#include "counters.h"

namespace sluice {

class DatagramQueue {
 public:
  // `v6`: the socket is AF_INET6.
  void attach(int fd, bool v6) noexcept {
    fd_ = fd;
    v6_ = v6;
  }
  int fd() const noexcept { return fd_; }

  // The octets must live until flush().
  void add(const Address& to, Text head, Text body, Counters& counters) noexcept;
  void flush(Counters& counters) noexcept;

 private:
  static constexpr unsigned kMax = 64;

  int fd_ = -1;
  bool v6_ = false;
  unsigned count_ = 0;
  mmsghdr headers_[kMax];
  iovec parts_[kMax][2];
  sockaddr_storage peers_[kMax];
};

}  // namespace sluice
