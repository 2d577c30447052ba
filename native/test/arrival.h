// When what was sent over loopback is there. The kernel delivers it on the processor that sent it, in order, and as a rule before send(2)
// returns. At load it may leave some to ksoftirqd, and a test that took one turn and let time pass would find a silent client.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "check.h"

namespace sluice::test {

// A datagram to itself arrives after all that its processor had to deliver.
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
    const int processor = sched_getcpu();
    if (processor != processor_) await_on(std::exchange(processor_, processor));
    await_here();
  }

 private:
  static constexpr int kLongMs = 5'000;

  void await_here() {
    char octet = 0;
    send(fd_, &octet, 1, 0);
    pollfd one{fd_, POLLIN, 0};
    CHECK_EQ(::poll(&one, 1, kLongMs), 1);
    recv(fd_, &octet, 1, MSG_DONTWAIT);
  }
  // Where this thread has sent before the scheduler moved it.
  void await_on(int processor) {
    cpu_set_t all, one;
    if (sched_getaffinity(0, sizeof all, &all) != 0) return;
    CPU_ZERO(&one);
    CPU_SET(static_cast<size_t>(processor), &one);
    if (sched_setaffinity(0, sizeof one, &one) == 0) await_here();
    sched_setaffinity(0, sizeof all, &all);
  }

  int fd_;
  int processor_ = sched_getcpu();
};

// Waits until everything that this thread has sent over loopback has arrived.
inline void await_arrival() {
  static thread_local Arrival arrival;
  arrival.await();
}

}  // namespace sluice::test
