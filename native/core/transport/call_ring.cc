#include "core/transport/call_ring.h"

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

namespace sluice {
namespace {

// Node's C library has no functions for these.
int enter(int fd, unsigned submit, unsigned wait) noexcept {
  return static_cast<int>(syscall(SYS_io_uring_enter, fd, submit, wait, IORING_ENTER_GETEVENTS, nullptr, 0));
}

uint32_t read_of(uint32_t* shared) noexcept { return std::atomic_ref<uint32_t>(*shared).load(std::memory_order_acquire); }
void write_to(uint32_t* shared, uint32_t value) noexcept { std::atomic_ref<uint32_t>(*shared).store(value, std::memory_order_release); }

}  // namespace

bool CallRing::open() noexcept {
  if (is_open()) return true;
  io_uring_params params{};
  params.flags = IORING_SETUP_R_DISABLED;
  fd_ = static_cast<int>(syscall(SYS_io_uring_setup, kMost, &params));
  if (fd_ < 0) return false;
  if ((params.features & IORING_FEAT_SINGLE_MMAP) != 0 && map(&params) && restrict_to_calls()) return true;
  close();
  return false;
}

bool CallRing::map(const void* given) noexcept {
  const auto& params = *static_cast<const io_uring_params*>(given);
  const size_t submit_size = params.sq_off.array + params.sq_entries * sizeof(uint32_t);
  const size_t done_size = params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe);
  const auto mapped = [this](size_t size, off_t at) { return mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, at); };
  void* const rings = mapped(std::max(submit_size, done_size), IORING_OFF_SQ_RING);
  if (rings == MAP_FAILED) return false;
  rings_ = static_cast<char*>(rings);
  rings_size_ = std::max(submit_size, done_size);
  void* const entries = mapped(params.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES);
  if (entries == MAP_FAILED) return false;
  entries_ = static_cast<io_uring_sqe*>(entries);
  entries_size_ = params.sq_entries * sizeof(io_uring_sqe);
  const auto number = [this](uint32_t at) { return reinterpret_cast<uint32_t*>(rings_ + at); };
  submit_head_ = number(params.sq_off.head);
  submit_tail_ = number(params.sq_off.tail);
  submit_mask_ = *number(params.sq_off.ring_mask);
  done_head_ = number(params.cq_off.head);
  done_tail_ = number(params.cq_off.tail);
  done_mask_ = *number(params.cq_off.ring_mask);
  done_ = reinterpret_cast<io_uring_cqe*>(rings_ + params.cq_off.cqes);
  // Entry i always stands at place i.
  for (uint32_t i = 0; i < params.sq_entries; ++i) number(params.sq_off.array)[i] = i;
  return true;
}

// Whoever takes over this process gets no more out of the ring than he could do with send() and recv().
bool CallRing::restrict_to_calls() noexcept {
  constexpr uint8_t kCalls[] = {IORING_OP_SEND, IORING_OP_SENDMSG, IORING_OP_RECV};
  io_uring_restriction allowed[std::size(kCalls)]{};
  for (size_t i = 0; i < std::size(kCalls); ++i) {
    allowed[i].opcode = IORING_RESTRICTION_SQE_OP;
    allowed[i].sqe_op = kCalls[i];
  }
  return syscall(SYS_io_uring_register, fd_, IORING_REGISTER_RESTRICTIONS, allowed, std::size(kCalls)) == 0 && syscall(SYS_io_uring_register, fd_, IORING_REGISTER_ENABLE_RINGS, nullptr, 0) == 0;
}

io_uring_sqe& CallRing::next(int fd) noexcept {
  io_uring_sqe& entry = entries_[(*submit_tail_ + count_) & submit_mask_];
  std::memset(&entry, 0, sizeof entry);
  entry.fd = fd;
  entry.user_data = count_;
  // With MSG_DONTWAIT the kernel neither waits nor lets one of its threads wait.
  entry.msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  results_[count_] = kNotDone;
  return entry;
}

void CallRing::read(int fd, char* room, size_t most) noexcept {
  io_uring_sqe& entry = next(fd);
  entry.opcode = IORING_OP_RECV;
  entry.addr = reinterpret_cast<uint64_t>(room);
  entry.len = static_cast<uint32_t>(most);
  ++count_;
}

void CallRing::write(int fd, const iovec* parts, size_t count) noexcept {
  io_uring_sqe& entry = next(fd);
  if (count == 1) {
    entry.opcode = IORING_OP_SEND;
    entry.addr = reinterpret_cast<uint64_t>(parts->iov_base);
    entry.len = static_cast<uint32_t>(parts->iov_len);
  } else {
    msghdr& header = headers_[count_] = msghdr{};
    header.msg_iov = const_cast<iovec*>(parts);
    header.msg_iovlen = count;
    entry.opcode = IORING_OP_SENDMSG;
    entry.addr = reinterpret_cast<uint64_t>(&header);
    entry.len = 1;
  }
  ++count_;
}

void CallRing::run() noexcept {
  const unsigned wanted = std::exchange(count_, 0u);
  const uint32_t begin = *submit_tail_;
  write_to(submit_tail_, begin + wanted);
  for (unsigned done = 0; done < wanted;) {
    const unsigned taken = read_of(submit_head_) - begin;
    const int submitted = enter(fd_, wanted - taken, wanted - done);
    const int error = submitted < 0 ? errno : 0;
    done += take_results();
    // None of those that the kernel has not taken yet is under way.
    if (error != 0 && error != EINTR && done == read_of(submit_head_) - begin) return close();
  }
}

unsigned CallRing::take_results() noexcept {
  uint32_t at = *done_head_;
  const uint32_t end = read_of(done_tail_);
  const unsigned count = end - at;
  for (; at != end; ++at) {
    const io_uring_cqe& one = done_[at & done_mask_];
    results_[one.user_data % kMost] = one.res;
  }
  write_to(done_head_, at);
  return count;
}

void CallRing::close() noexcept {
  if (entries_ != nullptr) munmap(entries_, entries_size_);
  if (rings_ != nullptr) munmap(rings_, rings_size_);
  entries_ = nullptr;
  rings_ = nullptr;
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace sluice
