// Many reads or writes of sockets in one system call, by io_uring used as nothing but that: everything is done when run() returns, nothing stays
// under way in the kernel. docs/decisions/many-calls-in-one.md says why, and why no more of io_uring is used.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>

struct io_uring_sqe;
struct io_uring_cqe;

namespace sluice {

class CallRing {
 public:
  static constexpr unsigned kMost = 256;

  CallRing() noexcept = default;
  ~CallRing() noexcept { close(); }
  CallRing(const CallRing&) = delete;
  CallRing& operator=(const CallRing&) = delete;

  // By the thread that will use it. False: the kernel or the container does not allow it.
  bool open() noexcept;
  bool is_open() const noexcept { return fd_ >= 0; }

  // What read() and write() add, at most kMost calls, is done by run(); the parts and the room must live until then.
  unsigned count() const noexcept { return count_; }
  void read(int fd, char* room, size_t most) noexcept;
  void write(int fd, const iovec* parts, size_t count) noexcept;
  // None of the calls added since the last run() is wanted any longer.
  void clear() noexcept { count_ = 0; }
  // Of call i: the number of octets, or -errno. kNotDone: the ring has failed and is closed, the caller does it by itself.
  void run() noexcept;
  ssize_t result(unsigned i) const noexcept { return results_[i]; }
  static constexpr ssize_t kNotDone = INT32_MIN;

 private:
  bool map(const void* params) noexcept;
  bool restrict_to_calls() noexcept;
  io_uring_sqe& next(int fd) noexcept;
  unsigned take_results() noexcept;
  void close() noexcept;

  int fd_ = -1;
  char* rings_ = nullptr;
  size_t rings_size_ = 0;
  io_uring_sqe* entries_ = nullptr;
  size_t entries_size_ = 0;
  uint32_t* submit_head_ = nullptr;
  uint32_t* submit_tail_ = nullptr;
  uint32_t* done_head_ = nullptr;
  uint32_t* done_tail_ = nullptr;
  uint32_t submit_mask_ = 0;
  uint32_t done_mask_ = 0;
  io_uring_cqe* done_ = nullptr;
  unsigned count_ = 0;
  std::array<msghdr, kMost> headers_;
  std::array<ssize_t, kMost> results_;
};

}  // namespace sluice
