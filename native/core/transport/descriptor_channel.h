// Messages with descriptors attached (unix(7), SCM_RIGHTS) between two processes, over one end of a socket pair of type SEQPACKET.
#pragma once

#include <sys/types.h>

#include <cstddef>

#include "core/base/bytes.h"

namespace sluice {

// A thing as it lies in memory, or the first octets of it: a message between two processes of this machine.
template <typename T>
Text message_of(const T& thing, size_t size = sizeof(T)) noexcept {
  return Text(reinterpret_cast<const char*>(&thing), size);
}

class DescriptorChannel {
 public:
  // The kernel's limit for one message is 253.
  static constexpr size_t kMostDescriptors = 250;

  // Does not own the descriptor.
  explicit DescriptorChannel(int fd) noexcept : fd_(fd) {}

  // Both ends, close-on-exec. 0 or an errno.
  static int open(int ends[2]) noexcept;

  // What the other end does not take or send within that time fails with EAGAIN.
  void set_patience(int milliseconds) noexcept;

  // 0 or an errno. Keeps no copy of the descriptors; they stay open here.
  int send(Text octets, const int* descriptors, size_t count) noexcept;
  // The same without waiting: EAGAIN if the other end is behind.
  int try_send(Text octets, const int* descriptors, size_t count) noexcept;

  // The size of the message, or a negative errno; EPIPE: the other end is gone. `descriptors` has room for kMostDescriptors; they are ours
  // now. A message that the kernel had to cut, descriptors included, is EMFILE: it drops those for which there is no room without a word.
  ssize_t receive(char* room, size_t size, int* descriptors, size_t* count) noexcept { return receive_once(room, size, descriptors, count, 0); }
  // The same without waiting: -EAGAIN if there is none.
  ssize_t try_receive(char* room, size_t size, int* descriptors, size_t* count) noexcept;

 private:
  ssize_t receive_once(char* room, size_t size, int* descriptors, size_t* count, int flags) noexcept;
  int send_once(Text octets, const int* descriptors, size_t count, int flags) noexcept;

  int fd_;
  int patience_ = 5'000;  // ms
};

}  // namespace sluice
