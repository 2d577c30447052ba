// The client side: N flows, each with its own address in 127/8, as connections, as UDP sockets, or all over one UDP socket.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "connection.h"
#include "datagrams.h"

namespace sluice::bench {

// One socket for all costs load program and kernel least; one each makes the kernel look up another socket per datagram, as real hosts do.
enum class ClientKind { kStreams, kSockets, kOneSocket };

class Clients {
 public:
  // Otherwise we would measure the edge's limit per address.
  static in_addr address_of(uint32_t flow) noexcept { return in_addr{htonl((127u << 24 | 1u << 16) + 2 + flow)}; }
  static uint32_t flow_at(in_addr address) noexcept { return ntohl(address.s_addr) - (127u << 24 | 1u << 16) - 2; }

  // Where they connect, and over what; of several, flows take turns.
  struct Way {
    Layers layers;
    sockaddr_in edge;
  };

  Clients(ClientKind kind, std::vector<Way> ways, int epoll) : kind_(kind), ways_(std::move(ways)), epoll_(epoll) {
    for (const Way& way : ways_)
      if (way.layers.tls && !context_) context_.emplace(TlsContext::client());
    if (one_socket()) datagrams_ = std::make_unique<Datagrams>(sockaddr_in{AF_INET, 0, {INADDR_ANY}, {}}, true);
  }

  // Makes what flows up to this number say first over TLS.
  void prepare(uint32_t flows) {
    if (!context_) return;
    prepared_.resize(flows);
    for (uint32_t flow = flows_; flow < flows; ++flow)
      if (way_of(flow).layers.tls) prepared_[flow] = TlsSession::prepared(*context_);
  }

  // Starts opening flows up to this number, with at most `at_once` in progress. Some in each call, since the core must not wait for all of them.
  void open(uint32_t flows, uint32_t at_once) {
    if (kind_ == ClientKind::kStreams) {
      connections_.reserve(flows);
      for (int i = 0; i < kDialsAtOnce && flows_ < flows && opening_ < at_once; ++i) {
        connections_.push_back(dial(flows_++));
        ++opening_;
      }
      return;
    }
    while (kind_ == ClientKind::kSockets && sockets_.size() < flows) {
      sockets_.push_back(socket_from(SOCK_DGRAM, static_cast<uint32_t>(sockets_.size())));
      watch(EPOLL_CTL_ADD, static_cast<uint32_t>(sockets_.size() - 1), EPOLLIN);
    }
    for (; flows_ < flows; ++flows_) opened_.push_back(flows_);
  }

  uint32_t flows() const noexcept { return flows_; }
  // Flows in progress: connecting, in a handshake, in an upgrade.
  uint32_t opening() const noexcept { return opening_; }
  // Connections that the edge closed, and those it refused; each is redialled while `redial` is set.
  uint64_t closed() const noexcept { return closed_; }
  uint64_t refused() const noexcept { return refused_; }
  void redial(bool wanted) noexcept { redial_ = wanted; }

  bool one_socket() const noexcept { return kind_ == ClientKind::kOneSocket; }

  // Where to compose the message that commit() will send; earlier contents are lost.
  char* room() noexcept { return one_socket() ? datagrams_->room() : scratch_ + kFrameHeadroom; }

  void commit(uint32_t flow, size_t size) {
    if (one_socket()) return datagrams_->commit(size, ways_[0].edge, address_of(flow));
    if (kind_ == ClientKind::kSockets) return void(::send(sockets_[flow], room(), size, MSG_NOSIGNAL));
    Connection& connection = connections_[flow];
    if (!connection.open()) return;
    const bool waited = connection.backlog();
    connection.send(room(), size);
    if (connection.backlog() && !waited) watch(EPOLL_CTL_MOD, flow, EPOLLIN | EPOLLOUT);
  }

  // A keep-alive as the transport demands: CRLF CRLF, a WebSocket ping, a STUN Binding request (RFC 5626 3.5). Not with one socket for all.
  void ping(uint32_t flow) {
    if (kind_ == ClientKind::kSockets) return void(::send(sockets_[flow], kStunPing, sizeof kStunPing, MSG_NOSIGNAL));
    if (connections_[flow].open()) connections_[flow].ping();
  }

  // Flows whose ping has been answered, and flows that have opened, since the caller last cleared these.
  std::vector<uint32_t>& ponged() noexcept { return ponged_; }
  std::vector<uint32_t>& opened() noexcept { return opened_; }

  void flush() noexcept {
    if (one_socket()) datagrams_->flush();
  }

  // The descriptor that is not in an epoll set, or -1.
  int datagram_fd() const noexcept { return one_socket() ? datagrams_->fd() : -1; }

  // Calls handler(flow, message) for each message.
  template <typename Handler>
  void poll_datagrams(Handler&& handler) {
    datagrams_->receive([&](const char* data, size_t size, const sockaddr_in&, in_addr local) {
      Message m;
      if (read_message(Text(data, size), m) == Read::kWhole) handler(flow_at(local), m);
    });
  }

  template <typename Handler>
  void ready(uint32_t flow, uint32_t events, Handler&& handler) {
    if (kind_ == ClientKind::kSockets) return datagram_ready(flow, handler);
    Connection& connection = connections_[flow];
    if (!connection.open()) return advance(flow, events);
    if (events & EPOLLOUT) {
      connection.flush();
      if (!connection.backlog()) watch(EPOLL_CTL_MOD, flow, EPOLLIN);
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    const bool alive = connection.receive(input_, sizeof input_, [&](const Message& m) { handler(flow, m); });
    if (connection.take_pongs() > 0) ponged_.push_back(flow);
    if (alive) return;
    ++closed_;
    dial_again(flow);
  }

 private:
  static constexpr int kDialsAtOnce = 64;

  template <typename Handler>
  void datagram_ready(uint32_t flow, Handler&& handler) {
    ssize_t n = recv(sockets_[flow], input_, sizeof input_, 0);
    if (is_stun_pong(input_, n)) return ponged_.push_back(flow);
    Message m;
    if (n > 0 && read_message(Text(input_, static_cast<size_t>(n)), m) == Read::kWhole) handler(flow, m);
  }

  void advance(uint32_t flow, uint32_t events) {
    Connection& connection = connections_[flow];
    const bool was_connecting = connection.connecting();
    if (was_connecting && !(events & (EPOLLOUT | EPOLLHUP | EPOLLERR))) return;
    Connection::Step step = connection.advance(input_, sizeof input_);
    if (step == Connection::Step::kFailed) {
      ++refused_;
      --opening_;
      return dial_again(flow);
    }
    if (was_connecting) watch(EPOLL_CTL_MOD, flow, EPOLLIN);
    if (step != Connection::Step::kOpened) return;
    --opening_;
    opened_.push_back(flow);
  }

  void dial_again(uint32_t flow) {
    epoll_ctl(epoll_, EPOLL_CTL_DEL, connections_[flow].fd(), nullptr);
    if (!redial_) return;
    connections_[flow] = dial(flow);
    ++opening_;
  }

  Connection dial(uint32_t flow) {
    const Layers layers = way_of(flow).layers;
    const int fd = socket_from(layers.datagram ? SOCK_DGRAM : SOCK_STREAM, flow);
    epoll_event event{EPOLLIN | EPOLLOUT, {}};
    event.data.u64 = flow;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    return Connection(fd, layers, layers.tls ? session_of(flow, fd) : TlsSession());
  }

  TlsSession session_of(uint32_t flow, int fd) {
    if (flow >= prepared_.size() || !prepared_[flow]) return TlsSession::client(*context_, fd);
    TlsSession made = std::move(prepared_[flow]);
    made.attach(fd);
    return made;
  }

  // A socket whose connect() has at least begun.
  int socket_from(int type, uint32_t flow) {
    int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) die("cannot open a flow");
    if (type == SOCK_STREAM) {
      set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
      set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    }
    sockaddr_in local{AF_INET, 0, address_of(flow), {}};
    if (bind(fd, reinterpret_cast<sockaddr*>(&local), sizeof local) != 0) die("cannot bind a flow");
    if (connect(fd, reinterpret_cast<const sockaddr*>(&way_of(flow).edge), sizeof(sockaddr_in)) != 0 && errno != EINPROGRESS) die("cannot connect a flow");
    return fd;
  }

  void watch(int operation, uint32_t flow, uint32_t events) noexcept {
    epoll_event event{events, {}};
    event.data.u64 = flow;
    epoll_ctl(epoll_, operation, kind_ == ClientKind::kSockets ? sockets_[flow] : connections_[flow].fd(), &event);
  }

  const Way& way_of(uint32_t flow) const noexcept { return ways_[flow % ways_.size()]; }

  ClientKind kind_;
  std::vector<Way> ways_;
  int epoll_;
  std::optional<TlsContext> context_;
  std::vector<TlsSession> prepared_;  // for the first connection of each flow
  uint32_t flows_ = 0, opening_ = 0;
  uint64_t closed_ = 0, refused_ = 0;
  bool redial_ = false;
  std::unique_ptr<Datagrams> datagrams_;
  std::vector<int> sockets_;
  std::vector<Connection> connections_;
  std::vector<uint32_t> ponged_, opened_;
  char scratch_[kFrameHeadroom + Datagrams::kRoom];
  char input_[65536];
};

}  // namespace sluice::bench
