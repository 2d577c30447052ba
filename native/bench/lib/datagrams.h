// A UDP socket that receives and sends in batches of 64; with many addresses it plays as many clients.
#pragma once

#include "sockets.h"

namespace sluice::bench {

class Datagrams {
 public:
  static constexpr unsigned kBatch = 64;
  static constexpr size_t kRoom = 4096;

  // `many_addresses`: choose the local address for each outgoing datagram, and learn that of each incoming one.
  Datagrams(const sockaddr_in& local, bool many_addresses)
      : fd_(bound_socket(SOCK_DGRAM, local)), many_(many_addresses), in_(), out_() {
    widen_buffers(fd_, 4 << 20);
    if (many_) set_option(fd_, IPPROTO_IP, IP_PKTINFO, 1);
  }

  ~Datagrams() { close(fd_); }
  Datagrams(const Datagrams&) = delete;
  Datagrams& operator=(const Datagrams&) = delete;

  int fd() const noexcept { return fd_; }

  // Where to write the next datagram; commit() adds it to the batch.
  char* room() noexcept { return out_.data[used_]; }

  void commit(size_t size, const sockaddr_in& to, in_addr from) noexcept {
    out_.set(used_, size, to, many_ ? &from : nullptr);
    if (++used_ == kBatch) flush();
  }

  void flush() noexcept {
    unsigned sent = 0;
    while (sent < used_) {
      int n = sendmmsg(fd_, out_.headers + sent, used_ - sent, 0);
      if (n <= 0) break;  // a datagram that the kernel refuses counts as lost
      sent += static_cast<unsigned>(n);
    }
    used_ = 0;
  }

  // Calls f(octets, size, peer, local) for each datagram that has arrived, at most one batch. Returns how many.
  template <typename F>
  unsigned receive(F&& f) noexcept {
    for (unsigned i = 0; i < kBatch; ++i) in_.reset(i, many_);
    int n = recvmmsg(fd_, in_.headers, kBatch, MSG_DONTWAIT, nullptr);
    for (int i = 0; i < n; ++i) f(in_.data[i], static_cast<size_t>(in_.headers[i].msg_len), in_.peers[i], in_.local_address(i));
    return n > 0 ? static_cast<unsigned>(n) : 0;
  }

 private:
  struct Batch {
    Batch() { std::memset(headers, 0, sizeof headers); }

    void reset(unsigned i, bool many) noexcept {
      msghdr& h = headers[i].msg_hdr;
      vectors[i] = {data[i], kRoom};
      h.msg_iov = &vectors[i];
      h.msg_iovlen = 1;
      h.msg_name = &peers[i];
      h.msg_namelen = sizeof peers[i];
      h.msg_control = many ? control[i] : nullptr;
      h.msg_controllen = many ? sizeof control[i] : 0;
      h.msg_flags = 0;
    }

    void set(unsigned i, size_t size, const sockaddr_in& to, const in_addr* from) noexcept {
      reset(i, from != nullptr);
      vectors[i].iov_len = size;
      peers[i] = to;
      if (from == nullptr) return;
      cmsghdr* c = CMSG_FIRSTHDR(&headers[i].msg_hdr);
      c->cmsg_level = IPPROTO_IP;
      c->cmsg_type = IP_PKTINFO;
      c->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
      in_pktinfo info{};
      info.ipi_spec_dst = *from;
      std::memcpy(CMSG_DATA(c), &info, sizeof info);
    }

    in_addr local_address(int i) noexcept {
      in_pktinfo info{};
      for (cmsghdr* c = CMSG_FIRSTHDR(&headers[i].msg_hdr); c != nullptr; c = CMSG_NXTHDR(&headers[i].msg_hdr, c)) {
        if (c->cmsg_type == IP_PKTINFO) std::memcpy(&info, CMSG_DATA(c), sizeof info);
      }
      return info.ipi_addr;
    }

    mmsghdr headers[kBatch];
    iovec vectors[kBatch];
    sockaddr_in peers[kBatch];
    alignas(cmsghdr) char control[kBatch][CMSG_SPACE(sizeof(in_pktinfo))];
    char data[kBatch][kRoom];
  };

  int fd_;
  bool many_;
  unsigned used_ = 0;
  Batch in_;
  Batch out_;
};

}  // namespace sluice::bench
