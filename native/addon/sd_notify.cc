#include "sd_notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace sluice {

Napi::Value sd_notify(const Napi::CallbackInfo& info) {
  const auto result = [&](bool value) { return Napi::Boolean::New(info.Env(), value); };
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un name{};
  if (path == nullptr || (path[0] != '/' && path[0] != '@') || std::strlen(path) >= sizeof name.sun_path) return result(false);
  name.sun_family = AF_UNIX;
  std::strcpy(name.sun_path, path);
  if (path[0] == '@') name.sun_path[0] = '\0';  // the abstract namespace
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return result(false);
  const std::string state = info[0].ToString();
  const socklen_t size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  const ssize_t sent = sendto(fd, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&name), size);
  close(fd);
  return result(sent >= 0);
}

}  // namespace sluice
