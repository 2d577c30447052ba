// Wakes a shard in time, without a timeout for each wait: the kernel would set up a timer before it sleeps and take it away when a message
// comes, and both may cost a virtual machine an exit. So one timer stays, and is moved only when something is due before it.
#pragma once

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cstdint>
#include <ctime>

namespace sluice {

class Alarm {
 public:
  // It may ring so much later: others count in milliseconds, and what they wait for would seem to be a little nearer with each wait.
  static constexpr uint64_t kSlackNs = 1'000'000;

  Alarm() noexcept : fd_(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {}
  ~Alarm() noexcept {
    if (fd_ >= 0) close(fd_);
  }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  // Edge-triggered, so that it need not be read.
  void watch(int epoll, uint64_t marker) noexcept {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.u64 = marker;
    if (fd_ >= 0) epoll_ctl(epoll, EPOLL_CTL_ADD, fd_, &event);
  }

  // Rings at `due` or before; both by now_ns(). False: there is no timer, so the wait itself needs a timeout.
  bool set(uint64_t due, uint64_t now) noexcept {
    if (at_ > now && at_ <= due + kSlackNs) return true;
    itimerspec when{};
    when.it_value.tv_sec = static_cast<time_t>(due / 1'000'000'000);
    when.it_value.tv_nsec = static_cast<long>(due % 1'000'000'000);
    const bool is_set = timerfd_settime(fd_, TFD_TIMER_ABSTIME, &when, nullptr) == 0;
    at_ = is_set ? due : 0;
    return is_set;
  }
  uint64_t at() const noexcept { return at_; }

 private:
  int fd_;
  uint64_t at_ = 0;
};

}  // namespace sluice
