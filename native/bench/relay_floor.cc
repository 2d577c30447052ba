// The floor: the cost of the kernel alone, for a relay that batches its system calls and parses no SIP. The suite's ratios refer to this.
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/uio.h>

#include <string>
#include <vector>

#include "lib/marker.h"
#include "lib/options.h"
#include "lib/sockets.h"
#include "lib/tls.h"

namespace {

using namespace sluice::bench;

constexpr unsigned kBatch = 64;
constexpr size_t kRoom = 4096;
constexpr uint32_t kFlows = 1u << 20;
constexpr size_t kStreamRoom = 262144;
constexpr size_t kDescriptors = 65536;
constexpr uint64_t kCore = UINT32_MAX;
constexpr uint64_t kClients = UINT32_MAX - 1;

void write_all(int fd, iovec* at, unsigned count) {
  while (count > 0) {
    ssize_t n = writev(fd, at, static_cast<int>(count));
    if (n < 0 && errno == EAGAIN) {
      pollfd wait{fd, POLLOUT, 0};
      poll(&wait, 1, 1000);
      continue;
    }
    if (n < 0) return;
    while (count > 0 && static_cast<size_t>(n) >= at->iov_len) n -= static_cast<ssize_t>(at->iov_len), ++at, --count;
    if (count > 0) at->iov_base = static_cast<char*>(at->iov_base) + n, at->iov_len -= static_cast<size_t>(n);
  }
}

class Floor {
 public:
  explicit Floor(const Options& options)
      : client_tls_(options.is("client", "tls")),
        client_tcp_(client_tls_ || options.is("client", "tcp")),
        core_tcp_(options.is("core-leg", "tcp")),
        size_(static_cast<size_t>(options.number("size"))),
        core_address_(parse_address(options.text("core"))),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        context_(client_tls_ ? TlsContext::server(options.text("cert"), options.text("key")) : TlsContext()),
        sessions_(client_tls_ ? kDescriptors : 0),
        partial_(kDescriptors),
        addresses_(client_tcp_ ? 0 : kFlows),
        fds_(client_tcp_ ? kFlows : 0, -1),
        input_(kStreamRoom) {
    sockaddr_in listen = parse_address(options.text("listen"));
    clients_ = client_tcp_ ? listening_socket(listen) : datagram_socket(listen);
    watch(clients_, kClients);
    sockaddr_in any{AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {}};
    core_ = core_tcp_ ? dial_core() : datagram_socket(any);
    watch(core_, kCore);
  }

  void run() {
    epoll_event events[kBatch];
    for (;;) {
      int n = epoll_wait(epoll_, events, kBatch, -1);
      for (int i = 0; i < n; ++i) {
        uint64_t who = events[i].data.u64;
        if (who == kCore) {
          core_tcp_ ? core_stream() : core_datagrams();
        } else if (who == kClients) {
          client_tcp_ ? accept_all() : client_datagrams();
        } else {
          client_stream(static_cast<int>(who));
        }
      }
      if (count_ > 0) to_core();
    }
  }

 private:
  struct Batch {
    mmsghdr headers[kBatch];
    iovec vectors[kBatch];
    sockaddr_in peers[kBatch];
    char data[kBatch][kRoom];
  };

  static int datagram_socket(const sockaddr_in& address) {
    int fd = bound_socket(SOCK_DGRAM, address);
    widen_buffers(fd, 4 << 20);
    return fd;
  }

  // The core may start a moment later.
  int dial_core() {
    for (;; usleep(20000)) {
      int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
      if (connect(fd, reinterpret_cast<sockaddr*>(&core_address_), sizeof core_address_) == 0) {
        set_nonblocking(fd);
        return fd;
      }
      close(fd);
    }
  }

  void watch(int fd, uint64_t who) {
    epoll_event event{EPOLLIN, {}};
    event.data.u64 = who;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  void accept_all() {
    for (;;) {
      int fd = accept4(clients_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
      partial_[static_cast<size_t>(fd)].clear();
      if (client_tls_) sessions_[static_cast<size_t>(fd)] = TlsSession::server(context_, fd);
      watch(fd, static_cast<uint64_t>(fd));
    }
  }

  unsigned receive(int fd) {
    for (unsigned i = 0; i < kBatch; ++i) {
      batch_.vectors[i] = {batch_.data[i], kRoom};
      batch_.headers[i].msg_hdr = {&batch_.peers[i], sizeof(sockaddr_in), &batch_.vectors[i], 1, nullptr, 0, 0};
    }
    int n = recvmmsg(fd, batch_.headers, kBatch, MSG_DONTWAIT, nullptr);
    for (int i = 0; i < n; ++i) batch_.vectors[i].iov_len = batch_.headers[i].msg_len;
    return n > 0 ? static_cast<unsigned>(n) : 0;
  }

  void send(int fd, unsigned n) {
    for (unsigned sent = 0; sent < n;) {
      int done = sendmmsg(fd, batch_.headers + sent, n - sent, 0);
      if (done <= 0) return;
      sent += static_cast<unsigned>(done);
    }
  }

  void client_datagrams() {
    unsigned n = receive(clients_);
    for (unsigned i = 0; i < n; ++i) {
      uint32_t flow = flow_of(batch_.data[i], batch_.vectors[i].iov_len);
      if (flow < kFlows) addresses_[flow] = batch_.peers[i];
      batch_.peers[i] = core_address_;
    }
    if (core_tcp_) {
      write_all(core_, batch_.vectors, n);
    } else {
      send(core_, n);
    }
  }

  void core_datagrams() {
    unsigned n = receive(core_);
    for (unsigned i = 0; i < n; ++i) {
      uint32_t flow = flow_of(batch_.data[i], batch_.vectors[i].iov_len);
      if (client_tcp_) {
        to_client_stream(flow, batch_.data[i], batch_.vectors[i].iov_len);
      } else {
        batch_.peers[i] = addresses_[flow < kFlows ? flow : 0];
      }
    }
    if (!client_tcp_) send(clients_, n);
  }

  // The reads of a round are placed side by side in the input area and sent together.
  void client_stream(int fd) {
    TlsSession* tls = client_tls_ ? &sessions_[static_cast<size_t>(fd)] : nullptr;
    std::string& partial = partial_[static_cast<size_t>(fd)];
    do {
      if (count_ == kBatch || at_ + partial.size() + 16 * size_ > kStreamRoom) to_core();
      char* begin = input_.data() + at_;
      std::memcpy(begin, partial.data(), partial.size());
      char* into = begin + partial.size();
      ssize_t n = tls != nullptr ? tls->read(into, 16 * size_) : recv(fd, into, 16 * size_, 0);
      if (n <= 0) {
        if (n == 0 || errno != EAGAIN) leave(fd);
        return;
      }
      size_t have = partial.size() + static_cast<size_t>(n);
      size_t whole = have / size_ * size_;
      if (whole != have || !partial.empty()) partial.assign(begin + whole, have - whole);
      if (whole == 0) continue;
      uint32_t flow = flow_of(begin, size_);
      if (flow < kFlows) fds_[flow] = fd;
      out_[count_++] = {begin, whole};
      at_ += whole;
    } while (tls != nullptr && tls->pending());
  }

  void leave(int fd) {
    if (client_tls_) sessions_[static_cast<size_t>(fd)] = TlsSession();
    close(fd);
  }

  void to_core() {
    const unsigned count = std::exchange(count_, 0u);
    at_ = 0;
    if (core_tcp_) return write_all(core_, out_, count);
    unsigned batched = 0;
    for (unsigned i = 0; i < count; ++i) {
      for (size_t at = 0; at < out_[i].iov_len; at += size_) {
        put(batched, static_cast<char*>(out_[i].iov_base) + at, core_address_);
        if (++batched == kBatch) send(core_, batched), batched = 0;
      }
    }
    if (batched > 0) send(core_, batched);
  }

  void put(unsigned i, char* data, const sockaddr_in& to) {
    batch_.peers[i] = to;
    batch_.vectors[i] = {data, size_};
    batch_.headers[i].msg_hdr = {&batch_.peers[i], sizeof(sockaddr_in), &batch_.vectors[i], 1, nullptr, 0, 0};
  }

  void core_stream() {
    std::string& partial = partial_[static_cast<size_t>(core_)];
    // The round may already contain reads from clients, hence a separate area.
    std::memcpy(core_input_, partial.data(), partial.size());
    ssize_t n = recv(core_, core_input_ + partial.size(), kStreamRoom - partial.size(), 0);
    if (n == 0) std::exit(0);
    if (n < 0) return;
    size_t have = partial.size() + static_cast<size_t>(n);
    size_t whole = have / size_ * size_;
    unsigned batched = 0;
    for (size_t at = 0; at < whole; at += size_) {
      uint32_t flow = flow_of(core_input_ + at, size_);
      if (client_tcp_) {
        to_client_stream(flow, core_input_ + at, size_);
        continue;
      }
      put(batched, core_input_ + at, addresses_[flow < kFlows ? flow : 0]);
      if (++batched == kBatch) send(clients_, batched), batched = 0;
    }
    if (batched > 0) send(clients_, batched);
    partial.assign(core_input_ + whole, have - whole);
  }

  void to_client_stream(uint32_t flow, char* data, size_t size) {
    if (flow >= kFlows || fds_[flow] < 0) return;
    if (client_tls_) return write_tls(fds_[flow], data, size);
    iovec one{data, size};
    write_all(fds_[flow], &one, 1);
  }

  void write_tls(int fd, const char* data, size_t size) {
    while (size > 0) {
      ssize_t n = sessions_[static_cast<size_t>(fd)].write(data, size);
      if (n < 0 && errno == EAGAIN) {
        pollfd wait{fd, POLLOUT, 0};
        poll(&wait, 1, 1000);
        continue;
      }
      if (n <= 0) return;
      data += n, size -= static_cast<size_t>(n);
    }
  }

  bool client_tls_, client_tcp_, core_tcp_;
  size_t size_;
  sockaddr_in core_address_;
  int epoll_, clients_ = -1, core_ = -1;
  TlsContext context_;
  std::vector<TlsSession> sessions_;
  std::vector<std::string> partial_;
  std::vector<sockaddr_in> addresses_;
  std::vector<int> fds_;
  std::vector<char> input_;
  size_t at_ = 0;
  iovec out_[kBatch];
  unsigned count_ = 0;
  Batch batch_;
  char core_input_[kStreamRoom];
};

}  // namespace

int main(int argc, char** argv) {
  Options options(argc, argv,
                  {{"client", "udp"}, {"core-leg", "udp"}, {"listen", "127.0.0.1:15060"}, {"core", "127.0.0.1:15070"}, {"size", "700"},
                   {"cert", ""}, {"key", ""}});
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  // OpenSSL may write to connections that the other end has closed.
  signal(SIGPIPE, SIG_IGN);
  static Floor floor(options);
  floor.run();
}
