// Connections that cannot go over to another process with the others, because a TLS handshake is not over: they stay with the old process
// until it is, and then follow one by one (docs/decisions/handover.md).
#pragma once

#include <vector>

#include "core/base/image.h"
#include "core/shard/stream_reader.h"

namespace sluice {

class Followers {
 public:
  Followers(Ground& ground, FlowTimers& timers, Connections& connections, StreamReader& streams) noexcept
      : ground_(ground), timers_(timers), connections_(connections), streams_(streams) {}
  ~Followers() noexcept { end(); }
  Followers(const Followers&) = delete;
  Followers& operator=(const Followers&) = delete;

  // In the process that has been replaced. The channel is ours from now on. `version`: of the layout that the other one reads.
  void send_over(int channel, uint32_t version) noexcept;
  // At the end of a turn: those whose handshake is over.
  void send() noexcept;

  // In the one that has taken over; epoll reports with `marker` when there is something to take(). The channel is ours from now on.
  void expect(int channel, int epoll, uint64_t marker) noexcept;
  void take() noexcept;

 private:
  void send(FlowHandle handle) noexcept;
  void adopt(Text octets, int fd) noexcept;
  void end() noexcept;

  Ground& ground_;
  FlowTimers& timers_;
  Connections& connections_;
  StreamReader& streams_;
  int channel_ = -1;
  uint32_t version_ = kImageVersion;
  int epoll_ = -1;           // that watches the channel
  std::vector<char> room_;  // for one of them
};

}  // namespace sluice
