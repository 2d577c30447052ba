#include "listener_check.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "core/sip/address.h"

namespace sluice {

Napi::Value check_listener(const Napi::CallbackInfo& info) {
  const std::string transport = info[0].ToString();
  const std::string host = info[1].ToString();
  const auto result = [&](int value) { return Napi::Number::New(info.Env(), value); };
  Address address;
  if (!parse_ip(host, address)) return result(-EINVAL);
  address.port = static_cast<uint16_t>(info[2].ToNumber().Uint32Value());
  const bool v6 = !address.is_v4();
  const int fd = socket(v6 ? AF_INET6 : AF_INET, (transport == "udp" ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
  if (fd < 0) return result(-errno);
  const int on = 1;
  // For streams this only overrides TIME_WAIT; an address on which someone listens is still refused.
  if (transport != "udp") setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (v6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  sockaddr_storage name;
  socklen_t size = to_sockaddr(address, v6, &name);
  int port = -1;
  if (bind(fd, reinterpret_cast<sockaddr*>(&name), size) != 0) {
    port = -errno;
  } else {
    size = sizeof name;
    getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size);
    port = from_sockaddr(reinterpret_cast<sockaddr*>(&name)).port;
  }
  close(fd);
  return result(port);
}

}  // namespace sluice
