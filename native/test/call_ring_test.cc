// Many reads and writes in one call: each has the result that recv() or send() would have had.
#include "core/transport/call_ring.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "check.h"

namespace sluice::call_ring_test {
namespace {

struct Ends {
  Ends() {
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
  }
  ~Ends() {
    for (int fd : fds)
      if (fd >= 0) close(fd);
  }
  std::string read() {
    char octets[4096];
    const ssize_t n = ::read(fds[1], octets, sizeof octets);
    return n > 0 ? std::string(octets, static_cast<size_t>(n)) : std::string();
  }
  int fds[2];
};

iovec part(const std::string& text) { return {const_cast<char*>(text.data()), text.size()}; }

}  // namespace

TEST("many writes in one call: one part, several, a full socket, one whose peer has gone, a descriptor that is none") {
  CallRing ring;
  if (!ring.open()) return;  // this kernel or container has no io_uring, and plain calls are used
  Ends one, several, full, gone;
  const std::string text = "REGISTER", more = " sip:x", big(1 << 24, 'x');
  close(std::exchange(gone.fds[1], -1));
  const iovec parts[] = {part(text), part(more)}, whole = part(big);
  for (int round = 0; round < 3; ++round) {  // the ring goes round
    ring.write(one.fds[0], parts, 1);
    ring.write(several.fds[0], parts, 2);
    ring.write(full.fds[0], &whole, 1);
    ring.write(gone.fds[0], parts, 1);
    ring.write(1 << 20, parts, 1);
    CHECK_EQ(ring.count(), 5u);
    ring.run();
    CHECK_EQ(ring.result(0), static_cast<ssize_t>(text.size()));
    CHECK_EQ(ring.result(1), static_cast<ssize_t>(text.size() + more.size()));
    if (round == 0) CHECK(ring.result(2) > 0 && ring.result(2) < static_cast<ssize_t>(big.size()));
    else CHECK_EQ(ring.result(2), -EAGAIN);
    CHECK_EQ(ring.result(3), -EPIPE);
    CHECK_EQ(ring.result(4), -EBADF);
    CHECK_EQ(one.read(), text);
    CHECK_EQ(several.read(), text + more);
  }
  CHECK(ring.is_open());
}

TEST("many reads in one call: octets, more than fit, none yet, the end, a descriptor that is none") {
  CallRing ring;
  if (!ring.open()) return;
  Ends some, more, none, ended;
  for (int round = 0; round < 3; ++round) {
    CHECK_EQ(send(some.fds[1], "BYE", 3, 0), 3);
    CHECK_EQ(send(more.fds[1], "INVITE", 6, 0), 6);
    if (ended.fds[1] >= 0) close(std::exchange(ended.fds[1], -1));
    char room[5][8] = {};
    ring.read(some.fds[0], room[0], 8);
    ring.read(more.fds[0], room[1], 4);
    ring.read(none.fds[0], room[2], 8);
    ring.read(ended.fds[0], room[3], 8);
    ring.read(1 << 20, room[4], 8);
    ring.run();
    CHECK_EQ(ring.result(0), 3);
    CHECK_EQ(std::string(room[0], 3), "BYE");
    CHECK_EQ(ring.result(1), 4);
    CHECK_EQ(std::string(room[1], 4), "INVI");
    CHECK_EQ(ring.result(2), -EAGAIN);
    CHECK_EQ(ring.result(3), 0);
    CHECK_EQ(ring.result(4), -EBADF);
    // The rest is still there; and what is cleared is not done.
    ring.read(more.fds[0], room[1], 8);
    ring.clear();
    ring.read(more.fds[0], room[1], 8);
    ring.run();
    CHECK_EQ(ring.result(0), 2);
    CHECK_EQ(std::string(room[1], 2), "TE");
  }
}

TEST("as many writes as there is room for, again and again, in order on the same socket") {
  CallRing ring;
  if (!ring.open()) return;
  Ends ends;
  for (int round = 0; round < 5; ++round) {
    std::string numbers[CallRing::kMost], all;
    for (unsigned i = 0; i < CallRing::kMost; ++i) {
      all += numbers[i] = std::to_string(i) + ",";
      const iovec one = part(numbers[i]);
      ring.write(ends.fds[0], &one, 1);
    }
    ring.run();
    for (unsigned i = 0; i < CallRing::kMost; ++i) CHECK_EQ(ring.result(i), static_cast<ssize_t>(numbers[i].size()));
    CHECK_EQ(ends.read(), all);
  }
}

}  // namespace sluice::call_ring_test
