#include "core/transport/listener_sockets.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "core/transport/socket_option.h"

namespace sluice {
namespace {

constexpr int kSocketBuffer = 4 << 20;
constexpr int kBacklog = 4096;

// The socket, or -errno.
int open_one(const ListenerSockets::Place& place) noexcept {
  const bool v6 = !place.address.is_v4();
  const bool stream = is_stream(place.transport);
  const int fd = socket(v6 ? AF_INET6 : AF_INET, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (v6) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (!stream) {
    set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, kSocketBuffer);
    set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, kSocketBuffer);
    if (v6) set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
    else set_option(fd, IPPROTO_IP, IP_RECVERR, 1);
  }
  sockaddr_storage name;
  const socklen_t size = to_sockaddr(place.address, v6, &name);
  if (bind(fd, reinterpret_cast<sockaddr*>(&name), size) == 0 && (!stream || listen(fd, kBacklog) == 0)) return fd;
  const int error = errno;
  close(fd);
  return -error;
}

}  // namespace

ListenerSockets::~ListenerSockets() noexcept { close_all(); }

int ListenerSockets::open(std::vector<Place> places, size_t shards, Failed* failed) noexcept {
  places_ = std::move(places);
  sockets_.assign(shards, {});
  for (size_t shard = 0; shard < shards; ++shard) {
    for (size_t i = 0; i < places_.size(); ++i) {
      Place own = places_[i];
      if (own.apart) own.address.port = static_cast<uint16_t>(own.address.port + shard);
      const int fd = open_one(own);
      if (fd < 0) {
        *failed = {shard, i};
        close_all();
        return -fd;
      }
      sockets_[shard].push_back(fd);
    }
  }
  return 0;
}

void ListenerSockets::take_over(std::vector<Place> places, std::vector<std::vector<int>> sockets) noexcept {
  places_ = std::move(places);
  sockets_ = std::move(sockets);
}

void ListenerSockets::stop_accepting() noexcept {
  for (const std::vector<int>& own : sockets_)
    for (size_t i = 0; i < own.size(); ++i)
      if (is_stream(places_[i].transport)) shutdown(own[i], SHUT_RDWR);
}

void ListenerSockets::start_accepting() noexcept {
  for (const std::vector<int>& own : sockets_)
    for (size_t i = 0; i < own.size(); ++i)
      if (is_stream(places_[i].transport)) listen(own[i], kBacklog);
}

void ListenerSockets::close_all() noexcept {
  for (const std::vector<int>& own : sockets_)
    for (int fd : own) close(fd);
  sockets_.clear();
}

}  // namespace sluice
