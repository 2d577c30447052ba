#include "core/transport/descriptor_channel.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/now_ns.h"

namespace sluice {
namespace {

constexpr useconds_t kRetryUs = 200;

struct alignas(cmsghdr) Control {
  char octets[CMSG_SPACE(DescriptorChannel::kMostDescriptors * sizeof(int))];
};

size_t take_descriptors(msghdr& head, int* descriptors) noexcept {
  size_t count = 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&head); part != nullptr; part = CMSG_NXTHDR(&head, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t here = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    std::memcpy(descriptors + count, CMSG_DATA(part), here * sizeof(int));
    count += here;
  }
  return count;
}

}  // namespace

int DescriptorChannel::open(int ends[2]) noexcept { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0 ? 0 : errno; }

void DescriptorChannel::set_patience(int milliseconds) noexcept {
  patience_ = milliseconds;
  const timeval limit{milliseconds / 1'000, (milliseconds % 1'000) * 1'000};
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

int DescriptorChannel::send_once(Text octets, const int* descriptors, size_t count, int flags) noexcept {
  iovec part{const_cast<char*>(octets.data()), octets.size()};
  Control control;
  msghdr head{};
  head.msg_iov = &part;
  head.msg_iovlen = 1;
  if (count > 0) {
    head.msg_control = control.octets;
    head.msg_controllen = CMSG_SPACE(count * sizeof(int));
    cmsghdr* rights = CMSG_FIRSTHDR(&head);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(count * sizeof(int));
    std::memcpy(CMSG_DATA(rights), descriptors, count * sizeof(int));
  }
  while (sendmsg(fd_, &head, MSG_NOSIGNAL | flags) < 0)
    if (errno != EINTR) return errno;
  return 0;
}

int DescriptorChannel::try_send(Text octets, const int* descriptors, size_t count) noexcept {
  const int error = send_once(octets, descriptors, count, MSG_DONTWAIT);
  // As many descriptors are under way as we may have open: the other end must take some first.
  return error == ETOOMANYREFS ? EAGAIN : error;
}

int DescriptorChannel::send(Text octets, const int* descriptors, size_t count) noexcept {
  const uint64_t end = now_ns() + static_cast<uint64_t>(patience_) * 1'000'000;
  for (;;) {
    const int error = send_once(octets, descriptors, count, 0);
    if (error != ETOOMANYREFS) return error;
    if (now_ns() > end) return EAGAIN;
    usleep(kRetryUs);
  }
}

ssize_t DescriptorChannel::try_receive(char* room, size_t size, int* descriptors, size_t* count) noexcept {
  return receive_once(room, size, descriptors, count, MSG_DONTWAIT);
}

ssize_t DescriptorChannel::receive_once(char* room, size_t size, int* descriptors, size_t* count, int flags) noexcept {
  iovec part{room, size};
  Control control;
  msghdr head{};
  head.msg_iov = &part;
  head.msg_iovlen = 1;
  head.msg_control = control.octets;
  head.msg_controllen = sizeof control.octets;
  *count = 0;
  ssize_t taken;
  do taken = recvmsg(fd_, &head, MSG_CMSG_CLOEXEC | flags);
  while (taken < 0 && errno == EINTR);
  if (taken < 0) return -errno;
  *count = take_descriptors(head, descriptors);
  const bool is_cut = (head.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0;
  if (taken > 0 && !is_cut) return taken;
  for (size_t i = 0; i < *count; ++i) close(descriptors[i]);
  *count = 0;
  return is_cut ? -EMFILE : -EPIPE;
}

}  // namespace sluice
