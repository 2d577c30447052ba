#include "core/transport/descriptor_channel.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>
#include <vector>

#include "check.h"
#include "core/base/meeting.h"

namespace sluice::descriptor_channel_test {
namespace {

struct Pair {
  int ends[2] = {-1, -1};
  Pair() {
    CHECK(DescriptorChannel::open(ends) == 0);
    for (int end : ends) DescriptorChannel(end).set_patience(200);
  }
  ~Pair() {
    for (int end : ends)
      if (end >= 0) close(end);
  }
  DescriptorChannel near() const { return DescriptorChannel(ends[0]); }
  DescriptorChannel far() const { return DescriptorChannel(ends[1]); }
};

size_t open_descriptors() {
  size_t count = 0;
  for (int fd = 0; fd < 1'024; ++fd) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

TEST("a message takes descriptors along and both ends then have them") {
  Pair pair;
  int pipe_ends[2];
  CHECK(pipe(pipe_ends) == 0);
  CHECK(pair.near().send("hello", &pipe_ends[1], 1) == 0);
  char room[16];
  int got[DescriptorChannel::kMostDescriptors];
  size_t count = 0;
  CHECK(pair.far().receive(room, sizeof room, got, &count) == 5);
  CHECK(Text(room, 5) == "hello");
  CHECK(count == 1);
  CHECK(fcntl(got[0], F_GETFD) == FD_CLOEXEC);
  CHECK(write(got[0], "x", 1) == 1);
  CHECK(read(pipe_ends[0], room, 1) == 1);
  for (int fd : {pipe_ends[0], pipe_ends[1], got[0]}) close(fd);
}

TEST("as many as a message may hold arrive in order") {
  Pair pair;
  std::vector<int> sent;
  for (size_t i = 0; i < DescriptorChannel::kMostDescriptors; ++i) sent.push_back(memfd_create("one", MFD_CLOEXEC));
  CHECK(pair.near().send("all", sent.data(), sent.size()) == 0);
  char room[16];
  int got[DescriptorChannel::kMostDescriptors];
  size_t count = 0;
  CHECK(pair.far().receive(room, sizeof room, got, &count) == 3);
  CHECK(count == sent.size());
  for (size_t i = 0; i < count; ++i) {
    struct stat mine, theirs;
    CHECK(fstat(sent[i], &mine) == 0 && fstat(got[i], &theirs) == 0 && mine.st_ino == theirs.st_ino);
    close(sent[i]);
    close(got[i]);
  }
}

// The kernel drops what does not fit and tells nobody but the receiver, in a flag.
TEST("descriptors for which there is no room are an error and none of them stays open") {
  Pair pair;
  std::vector<int> sent;
  for (int i = 0; i < 8; ++i) sent.push_back(eventfd(0, EFD_CLOEXEC));
  CHECK(pair.near().send("x", sent.data(), sent.size()) == 0);
  for (int fd : sent) close(fd);
  const size_t before = open_descriptors();
  rlimit usual;
  getrlimit(RLIMIT_NOFILE, &usual);
  const rlimit tight{static_cast<rlim_t>(sent[3]), usual.rlim_max};
  setrlimit(RLIMIT_NOFILE, &tight);
  char room[16];
  int got[DescriptorChannel::kMostDescriptors];
  size_t count = 0;
  const ssize_t size = pair.far().receive(room, sizeof room, got, &count);
  setrlimit(RLIMIT_NOFILE, &usual);
  CHECK(size == -EMFILE);
  CHECK(count == 0);
  CHECK(open_descriptors() == before);
}

TEST("a message that is too long is an error and so is an end that is gone or silent") {
  Pair pair;
  char room[4];
  int got[DescriptorChannel::kMostDescriptors];
  size_t count = 0;
  CHECK(pair.near().send("too long", nullptr, 0) == 0);
  CHECK(pair.far().receive(room, sizeof room, got, &count) == -EMFILE);
  CHECK(pair.far().receive(room, sizeof room, got, &count) == -EAGAIN);
  close(pair.ends[0]);
  pair.ends[0] = -1;
  CHECK(pair.far().receive(room, sizeof room, got, &count) == -EPIPE);
  CHECK(pair.far().send("x", nullptr, 0) == EPIPE);
}

TEST("whoever does not wait hears that the other end is behind") {
  Pair pair;
  const std::vector<char> octets(8'192, 'x');
  int error = 0;
  for (int i = 0; i < 1'000 && error == 0; ++i) error = pair.near().try_send(Text(octets.data(), octets.size()), nullptr, 0);
  CHECK(error == EAGAIN);
}

TEST("a meeting is complete when all have come and nobody waits for ever") {
  Meeting meeting;
  std::vector<std::thread> threads;
  std::atomic<int> complete{0};
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { complete += meeting.wait(4, 60'000); });
  for (std::thread& thread : threads) thread.join();
  CHECK(complete == 4);
  CHECK(!meeting.wait(2, 1));
  // The one that left does not count for the next.
  CHECK(!meeting.wait(2, 1));
  std::thread other([&] { complete += meeting.wait(2, 60'000); });
  CHECK(meeting.wait(2, 60'000));
  other.join();
  CHECK(complete == 5);
}

}  // namespace
}  // namespace sluice::descriptor_channel_test
