// The core side: the registrar and proxy behind the edge, reached over UDP or over the TCP connections that the edge opens.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "datagrams.h"
#include "stream.h"

namespace sluice::bench {

class CorePeer {
 public:
  // Marks the core's descriptors in the events of the shared epoll descriptor.
  static constexpr uint64_t kTag = 1ULL << 40;

  // `by`: over UDP, the edge that the core's own requests reach; port 0: the one that the REGISTER came from.
  CorePeer(bool tcp, const sockaddr_in& local, int epoll, const sockaddr_in& by) : tcp_(tcp), epoll_(epoll), by_(by) {
    if (tcp_) {
      listener_ = listening_socket(local);
      epoll_event event{EPOLLIN, {}};
      event.data.u64 = kTag | static_cast<uint64_t>(listener_);
      epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
    } else {
      datagrams_ = std::make_unique<Datagrams>(local, false);
    }
  }

  // The core's own requests for a flow go to where its REGISTER came from: the port of a shard, or its connection.
  void learn(uint32_t flow) noexcept {
    if (flow >= ways_.size()) ways_.resize(flow + 1);
    ways_[flow] = {edge_, current_ == nullptr ? -1 : current_->fd()};
  }
  // What is committed next is for this flow. If its connection has ended, it goes where the last message came from.
  void choose(uint32_t flow) noexcept {
    if (flow >= ways_.size()) return;
    if (!tcp_) edge_ = by_.sin_port != 0 ? by_ : ways_[flow].edge;
    else if (const auto found = streams_.find(ways_[flow].fd); found != streams_.end()) current_ = found->second.get();
  }

  char* room() noexcept { return tcp_ ? scratch_ : datagrams_->room(); }

  void commit(size_t size) {
    if (!tcp_) return datagrams_->commit(size, edge_, {});
    if (current_ != nullptr) current_->queue(scratch_, size);
  }

  // What the kernel does not take is retried in the next round: the program never sleeps while it measures.
  void flush() {
    if (!tcp_) return datagrams_->flush();
    for (auto& [fd, stream] : streams_) stream->flush();
  }

  // The descriptor that is not in an epoll set, or -1.
  int datagram_fd() const noexcept { return !tcp_ ? datagrams_->fd() : -1; }

  // Calls handler(message) for each message; whatever it commits goes back the same way.
  template <typename Handler>
  void poll_datagrams(Handler&& handler) {
    datagrams_->receive([&](const char* data, size_t size, const sockaddr_in& peer, in_addr) {
      Message m;
      if (read_message(Text(data, size), m) != Read::kWhole) return;
      edge_ = peer;
      handler(m);
    });
  }

  template <typename Handler>
  void stream_ready(uint64_t tag, uint32_t events, Handler&& handler) {
    int fd = static_cast<int>(tag & (kTag - 1));
    if (fd == listener_) return accept_all();
    auto found = streams_.find(fd);
    if (found == streams_.end()) return;
    Stream* stream = found->second.get();
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    unsigned pongs = 0;
    bool alive = stream->receive(input_, sizeof input_, [&](Text text) {
      return take_messages(text, pongs, [&](const Message& m) {
        current_ = stream;
        handler(m);
      });
    });
    if (alive) return;
    if (current_ == stream) current_ = nullptr;
    streams_.erase(found);
  }

 private:
  struct Way {
    sockaddr_in edge{};
    int fd = -1;
  };

  void accept_all() {
    for (;;) {
      int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
      epoll_event event{EPOLLIN, {}};
      event.data.u64 = kTag | static_cast<uint64_t>(fd);
      epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
      streams_.emplace(fd, std::make_unique<Stream>(fd));
    }
  }

  bool tcp_;
  int epoll_;
  sockaddr_in by_;
  int listener_ = -1;
  sockaddr_in edge_{};
  std::unique_ptr<Datagrams> datagrams_;
  std::map<int, std::unique_ptr<Stream>> streams_;
  Stream* current_ = nullptr;
  std::vector<Way> ways_;
  char scratch_[Datagrams::kRoom];
  char input_[262144];
};

}  // namespace sluice::bench
