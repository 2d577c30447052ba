// The system calls of every turn without glibc's wrappers. In a process with several threads those are cancellation points, which cost some
// 40 ns each, as much as a third of a call that finds nothing; nobody cancels a thread of ours. A sanitizer wants to see what the kernel writes,
// so its builds keep the wrappers.
#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace sluice::plain {

#if defined(SLUICE_CHECKED)

inline int epoll_wait(int epoll, epoll_event* events, int most, int timeout) noexcept { return ::epoll_wait(epoll, events, most, timeout); }
inline int recvmmsg(int fd, mmsghdr* headers, unsigned count, int flags) noexcept { return ::recvmmsg(fd, headers, count, flags, nullptr); }
inline int sendmmsg(int fd, mmsghdr* headers, unsigned count, int flags) noexcept { return ::sendmmsg(fd, headers, count, flags); }
inline ssize_t recv(int fd, void* room, size_t most, int flags) noexcept { return ::recv(fd, room, most, flags); }
inline ssize_t send(int fd, const void* octets, size_t size, int flags) noexcept { return ::send(fd, octets, size, flags); }
inline ssize_t sendmsg(int fd, const msghdr* header, int flags) noexcept { return ::sendmsg(fd, header, flags); }

#else

inline int epoll_wait(int epoll, epoll_event* events, int most, int timeout) noexcept { return static_cast<int>(syscall(SYS_epoll_pwait, epoll, events, most, timeout, nullptr, 8)); }
inline int recvmmsg(int fd, mmsghdr* headers, unsigned count, int flags) noexcept { return static_cast<int>(syscall(SYS_recvmmsg, fd, headers, count, flags, nullptr)); }
inline int sendmmsg(int fd, mmsghdr* headers, unsigned count, int flags) noexcept { return static_cast<int>(syscall(SYS_sendmmsg, fd, headers, count, flags)); }
inline ssize_t recv(int fd, void* room, size_t most, int flags) noexcept { return syscall(SYS_recvfrom, fd, room, most, flags, nullptr, nullptr); }
inline ssize_t send(int fd, const void* octets, size_t size, int flags) noexcept { return syscall(SYS_sendto, fd, octets, size, flags, nullptr, 0); }
inline ssize_t sendmsg(int fd, const msghdr* header, int flags) noexcept { return syscall(SYS_sendmsg, fd, header, flags); }

#endif

}  // namespace sluice::plain
