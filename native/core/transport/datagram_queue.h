// The datagrams that leave one socket in one turn, sent with as few system calls and as few passes through the kernel as possible.
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
  // Whether a datagram may overtake others of the turn to the same destination.
  enum class Order : uint8_t {
    kept,
    first,  // it leaves before those that are kept
    free,   // it leaves after those, in any order: with others of its length, so that there are fewer trains
  };

  // `v6`: the socket is AF_INET6.
  void attach(int fd, bool v6) noexcept;
  int fd() const noexcept { return fd_; }

  // The octets must live until flush(). One longer than any datagram is refused at once, with EMSGSIZE.
  void add(const Address& to, Text head, Text body, Counters& counters, Order order = Order::kept) noexcept;
  void flush(Counters& counters) noexcept;

  // A datagram that the kernel refused, and why.
  struct Refused {
    Address to;
    int error = 0;
    std::string octets;  // of a long datagram, only the head
  };
  // Those since the last call. Lack of buffers does not count: such a datagram is simply lost, as any may be.
  std::vector<Refused> take_refused() noexcept {
    refused_octets_ = 0;
    return std::exchange(refused_, {});
  }
  bool has_refused() const noexcept { return !refused_.empty(); }

 private:
  static constexpr unsigned kMost = 128;       // datagrams
  static constexpr unsigned kMostTrains = 64;
  static constexpr unsigned kLooksBack = 4;    // trains, for one that a datagram may join
  static constexpr unsigned kLooksBackFree = 8;
  static constexpr unsigned kMostLengths = 4;  // trains to one destination that wait for others of their length
  static constexpr size_t kControl = CMSG_SPACE(sizeof(uint16_t));

  struct Datagram {
    Text head, body;
    unsigned train;
  };

  // Datagrams with the same destination and length, which the kernel takes as one (UDP_SEGMENT).
  struct Train {
    Address to;
    uint16_t segment = 0;   // length of each; the last may be shorter
    uint16_t segments = 0;
    uint32_t octets = 0;
    uint16_t parts = 0;     // of which the segments consist
    Order order = Order::kept;
    bool closed = false;
  };

  // A destination that refused a train: the next `left` datagrams go there one by one.
  struct Refusal {
    Address to;
    uint32_t wait = 0;
    uint32_t left = 0;
  };
  static constexpr size_t kMostRefused = 256, kMostRefusedOctets = 1u << 20;
  static constexpr size_t kRefusals = 8;
  static constexpr uint32_t kFirstWait = 256;
  static constexpr uint32_t kLongestWait = 1u << 20;

  unsigned train_for(const Address& to, size_t size, Order order) noexcept;
  unsigned free_train_for(const Address& to, size_t size) noexcept;
  bool has_room(const Train& train, size_t size) const noexcept;
  bool travels_apart(const Address& to) noexcept { return refusing_ != 0 && find_refusal(to); }
  [[gnu::cold]] bool find_refusal(const Address& to) noexcept;
  [[gnu::cold]] void send_apart_from_now(const Address& to) noexcept;
  [[gnu::cold]] void keep_refused(const Address& to, int error, Text octets, Counters& counters) noexcept;
  [[gnu::cold]] void refuse(const msghdr& header, int error, Counters& counters) noexcept;
  void arrange() noexcept;
  void mark(msghdr& header, unsigned train) noexcept;
  [[gnu::cold]] void send_apart(const mmsghdr& header, const Train& train, Counters& counters) noexcept;
  [[gnu::cold]] bool send_fragmented(const msghdr& header) noexcept;
  void allow_fragments(bool allowed) noexcept;

  int fd_ = -1;
  bool v6_ = false;
  bool trains_work_ = true;
  Refusal refusals_[kRefusals];
  size_t next_refusal_ = 0;
  unsigned refusing_ = 0;  // of `refusals_`, those with something left
  std::vector<Refused> refused_;
  size_t refused_octets_ = 0;
  unsigned datagrams_ = 0;
  unsigned trains_used_ = 0;
  Datagram waiting_[kMost];
  Train trains_[kMostTrains];
  // As flush() hands them to the kernel: those that go first, then those that are kept, as they were added, then those that are free.
  mmsghdr headers_[kMostTrains];
  const Train* sent_[kMostTrains];
  iovec parts_[kMost * 2];
  sockaddr_storage peers_[kMostTrains];
  alignas(cmsghdr) char controls_[kMostTrains][kControl];
};

}  // namespace sluice
