// The client side: N flows, each with an address of its own in 127/8, as TCP connections, as UDP sockets, or all over one UDP socket.
#pragma once

#include <memory>
#include <vector>

#include "datagrams.h"
#include "stream.h"

namespace sluice::bench {

// One socket for all costs load and kernel least; a socket each makes the kernel find another one for every datagram, as other hosts would.
enum class ClientKind { kStreams, kSockets, kOneSocket };

class Clients {
 public:
  // An edge that limits what one address may open would otherwise measure its limit.
  static in_addr address_of(uint32_t flow) noexcept { return in_addr{htonl((127u << 24 | 1u << 16) + 2 + flow)}; }
  static uint32_t flow_at(in_addr address) noexcept { return ntohl(address.s_addr) - (127u << 24 | 1u << 16) - 2; }

  Clients(ClientKind kind, const sockaddr_in& edge, int epoll) : kind_(kind), edge_(edge), epoll_(epoll) {
    if (one_socket()) datagrams_ = std::make_unique<Datagrams>(sockaddr_in{AF_INET, 0, {INADDR_ANY}, {}}, true);
  }

  // Opens flows up to this number. A listener that does not keep up makes connect() wait, not fail.
  bool open(uint32_t flows) {
    if (!one_socket()) {
      streams_.reserve(flows);
      while (streams_.size() < flows) {
        int fd = connect_from(address_of(static_cast<uint32_t>(streams_.size())));
        if (fd < 0) return false;
        epoll_event event{EPOLLIN, {}};
        event.data.u64 = streams_.size();
        epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
        streams_.emplace_back(fd);
      }
    }
    flows_ = flows;
    return true;
  }

  uint32_t flows() const noexcept { return flows_; }
  uint64_t closed() const noexcept { return closed_; }

  bool one_socket() const noexcept { return kind_ == ClientKind::kOneSocket; }

  char* room() noexcept { return one_socket() ? datagrams_->room() : scratch_; }

  void commit(uint32_t flow, size_t size) {
    if (one_socket()) return datagrams_->commit(size, edge_, address_of(flow));
    Stream& stream = streams_[flow];
    if (kind_ == ClientKind::kSockets) return void(::send(stream.fd(), scratch_, size, MSG_NOSIGNAL));
    bool waited = stream.backlog();
    stream.send_now(scratch_, size);
    if (stream.backlog() && !waited) watch(flow, EPOLLIN | EPOLLOUT);
  }

  // CRLF CRLF on a stream, a STUN binding request on UDP (RFC 5626 3.5); not with one socket for all.
  void ping(uint32_t flow) {
    static constexpr char kStun[20] = {0, 1, 0, 0, 0x21, 0x12, '\xA4', 0x42, 'l', 'o', 'a', 'd'};
    const bool stream = kind_ == ClientKind::kStreams;
    const size_t size = stream ? 4 : sizeof kStun;
    std::memcpy(scratch_, stream ? "\r\n\r\n" : kStun, size);
    commit(flow, size);
  }

  // Flows whose ping was answered in this round.
  std::vector<uint32_t>& ponged() noexcept { return ponged_; }

  void flush() noexcept {
    if (one_socket()) datagrams_->flush();
  }

  // The descriptor that is in no epoll set, or -1.
  int datagram_fd() const noexcept { return one_socket() ? datagrams_->fd() : -1; }

  // Calls handler(flow, message, room) for each message; what it returns, if not 0, is the size of an answer that it wrote.
  template <typename Handler>
  void poll_datagrams(Handler&& handler) {
    datagrams_->receive([&](const char* data, size_t size, const sockaddr_in&, in_addr local) {
      Message m;
      if (read_message(Text(data, size), m) != Read::kWhole) return;
      uint32_t flow = flow_at(local);
      size_t answer = handler(flow, m, datagrams_->room());
      if (answer > 0) datagrams_->commit(answer, edge_, local);
    });
  }

  template <typename Handler>
  void ready(uint32_t flow, uint32_t events, Handler&& handler) {
    Stream& stream = streams_[flow];
    if (kind_ == ClientKind::kSockets) {
      ssize_t n = recv(stream.fd(), input_, sizeof input_, 0);
      if (n >= 20 && input_[0] == 1 && input_[1] == 1) return ponged_.push_back(flow);
      Message m;
      if (n <= 0 || read_message(Text(input_, static_cast<size_t>(n)), m) != Read::kWhole) return;
      size_t answer = handler(flow, m, scratch_);
      if (answer > 0) commit(flow, answer);
      return;
    }
    if (events & EPOLLOUT) {
      stream.flush();
      if (!stream.backlog()) watch(flow, EPOLLIN);
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    bool alive = stream.receive(input_, sizeof input_, [&](const Message& m) {
      size_t answer = handler(flow, m, scratch_);
      if (answer > 0) commit(flow, answer);
    });
    if (stream.take_pongs() > 0) ponged_.push_back(flow);
    if (alive) return;
    ++closed_;
    epoll_ctl(epoll_, EPOLL_CTL_DEL, stream.fd(), nullptr);
  }

 private:
  int connect_from(in_addr address) {
    int fd = socket(AF_INET, (kind_ == ClientKind::kStreams ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    if (kind_ == ClientKind::kStreams) {
      set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
      set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    }
    sockaddr_in local{AF_INET, 0, address, {}};
    if (bind(fd, reinterpret_cast<sockaddr*>(&local), sizeof local) != 0 ||
        connect(fd, reinterpret_cast<const sockaddr*>(&edge_), sizeof edge_) != 0) {
      close(fd);
      return -1;
    }
    set_nonblocking(fd);
    return fd;
  }

  void watch(uint32_t flow, uint32_t events) noexcept {
    epoll_event event{events, {}};
    event.data.u64 = flow;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, streams_[flow].fd(), &event);
  }

  ClientKind kind_;
  sockaddr_in edge_;
  int epoll_;
  uint32_t flows_ = 0;
  uint64_t closed_ = 0;
  std::unique_ptr<Datagrams> datagrams_;
  std::vector<Stream> streams_;
  std::vector<uint32_t> ponged_;
  char scratch_[Datagrams::kRoom];
  char input_[65536];
};

}  // namespace sluice::bench
