// Datagrams of one turn that leave by one socket, sent with as few system calls and as few walks through the kernel as there can be.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <utility>
#include <vector>

#include "core/sip/address.h"
#include "core/base/bytes.h"
#include "core/base/counters.h"

namespace sluice {

class DatagramQueue {
 public:
  // `v6`: the socket is AF_INET6.
  void attach(int fd, bool v6) noexcept;
  int fd() const noexcept { return fd_; }

  // The octets must live until flush().
  void add(const Address& to, Text head, Text body, Counters& counters) noexcept;
  void flush(Counters& counters) noexcept;

  // A datagram that the kernel would not take, and why.
  struct Refused {
    Address to;
    int error = 0;
    std::string octets;  // of a long one the head alone
  };
  // Those since the last call. For want of buffers none is refused: such a one is lost, as a datagram may be.
  std::vector<Refused> take_refused() noexcept { return std::exchange(refused_, {}); }
  bool has_refused() const noexcept { return !refused_.empty(); }

 private:
  static constexpr unsigned kMax = 64;
  static constexpr size_t kControl = CMSG_SPACE(sizeof(uint16_t));

  // Neighbours in the queue with one destination and one length, which the kernel takes as one (UDP_SEGMENT).
  struct Train {
    uint16_t segment = 0;   // length of all but the last, which may be shorter
    uint16_t segments = 0;
    uint32_t octets = 0;
    bool closed = false;
  };

  // A place that a train could not be sent to: `left` datagrams more go there one by one.
  struct Refusal {
    Address to;
    uint32_t wait = 0;
    uint32_t left = 0;
  };
  static constexpr size_t kMostRefused = 256;
  static constexpr size_t kRefusals = 8;
  static constexpr uint32_t kFirstWait = 256;
  static constexpr uint32_t kLongestWait = 1u << 20;

  bool joins(const Address& to, size_t size) noexcept;
  bool travels_apart(const Address& to) noexcept;
  void send_apart_from_now(const Address& to) noexcept;
  void refuse(const msghdr& header, int error, Counters& counters) noexcept;
  void put_part(Text text) noexcept;
  void mark_trains() noexcept;
  void send_apart(const mmsghdr& header, const Train& train, Counters& counters) noexcept;
  bool send_fragmented(const msghdr& header) noexcept;
  void allow_fragments(bool allowed) noexcept;

  int fd_ = -1;
  bool v6_ = false;
  bool trains_work_ = true;
  Refusal refusals_[kRefusals];
  size_t next_refusal_ = 0;
  std::vector<Refused> refused_;
  unsigned count_ = 0;
  unsigned parts_used_ = 0;
  Address last_to_;
  mmsghdr headers_[kMax];
  Train trains_[kMax];
  iovec parts_[kMax * 2];
  sockaddr_storage peers_[kMax];
  alignas(cmsghdr) char controls_[kMax][kControl];
};

}  // namespace sluice
