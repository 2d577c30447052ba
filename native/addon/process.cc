#include "process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <string>
#include <vector>

namespace sluice {
namespace {

std::vector<std::string> texts_of(const Napi::Value& from) {
  const auto list = from.As<Napi::Array>();
  std::vector<std::string> texts;
  for (uint32_t i = 0; i < list.Length(); ++i) texts.push_back(Napi::Value(list[i]).ToString());
  return texts;
}

// As execve(2) expects them; valid as long as the texts are.
std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

// Others, such as a shell, may share the descriptor, so we must not make it non-blocking. Anything writable takes PIPE_BUF octets without
// blocking (pipe(7)).
Napi::Value write_now(const Napi::CallbackInfo& info) {
  const int descriptor = info[0].ToNumber().Int32Value();
  const auto octets = info[1].As<Napi::Uint8Array>();
  size_t written = 0;
  while (written < octets.ByteLength()) {
    pollfd room{descriptor, POLLOUT, 0};
    if (poll(&room, 1, 0) != 1 || (room.revents & POLLOUT) == 0) break;
    const ssize_t size = write(descriptor, octets.Data() + written, std::min<size_t>(octets.ByteLength() - written, PIPE_BUF));
    if (size <= 0) break;
    written += static_cast<size_t>(size);
  }
  return Napi::Number::New(info.Env(), static_cast<double>(written));
}

Napi::Value exit_now(const Napi::CallbackInfo& info) { _exit(info[0].ToNumber().Int32Value()); }

Napi::Value become(const Napi::CallbackInfo& info) {
  const std::string program = info[0].ToString();
  std::vector<std::string> args = texts_of(info[1]);
  std::vector<std::string> environment = texts_of(info[2]);
  const pid_t parent = getppid();
  if (info[3].ToBoolean()) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    // The parent may have ended just before.
    if (getppid() != parent) _exit(1);
  }
  // Node marks inherited descriptors close-on-exec.
  for (int fd = 0; fd <= 2; ++fd) fcntl(fd, F_SETFD, 0);
  execve(program.c_str(), pointers_to(args).data(), pointers_to(environment).data());
  return Napi::Number::New(info.Env(), errno);
}

}  // namespace sluice
