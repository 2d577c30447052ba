// When what was sent over loopback is there. The kernel delivers it on the processor that sent it, in order, and as a rule before send(2)
// returns. At load it may leave some to ksoftirqd, and a test that took one turn and let time pass would find a silent client.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

namespace sluice::test {

// A datagram to itself arrives after all that its processor had to deliver. (That the scheduler moves this thread while something waits on the
// processor it leaves is left out: to go back there for each wait made core_test more than twice as long at a load of ten.)
class Arrival {
 public:
  Arrival() : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    CHECK(bind(fd_, reinterpret_cast<sockaddr*>(&at), size) == 0);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
    CHECK(connect(fd_, reinterpret_cast<sockaddr*>(&at), size) == 0);
  }
  ~Arrival() { close(fd_); }
  Arrival(const Arrival&) = delete;
  Arrival& operator=(const Arrival&) = delete;

  void await() {
    char octet = 0;
    for (int tries = 0; tries < kTries; ++tries) {
      send(fd_, &octet, 1, 0);
      pollfd one{fd_, POLLIN, 0};
      // A full backlog drops it, as it drops any datagram.
      if (::poll(&one, 1, kTryMs) != 1) continue;
      while (recv(fd_, &octet, 1, MSG_DONTWAIT) > 0) {
      }
      return;
    }
    CHECK(false);
  }

 private:
  static constexpr int kTries = 50;
  static constexpr int kTryMs = 100;

  int fd_;
};

// Waits until everything that this thread has sent over loopback has arrived.
inline void await_arrival() {
  static thread_local Arrival arrival;
  arrival.await();
}

}  // namespace sluice::test
