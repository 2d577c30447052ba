// Attackers next to the good traffic: octets that are not SIP, truncated messages, forged tokens, unfinished handshakes.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sockets.h"
#include "tally.h"
#include "websocket.h"

namespace sluice::bench {

class Attackers {
 public:
  static constexpr uint8_t kFirstBlock = 200;

  // `kind`: the name of one attack, or "all". `block`: they come from 127.BLOCK.0.2 to .251.
  Attackers(bool streams, bool websocket, const sockaddr_in& edge, const std::string& kind, uint8_t block = kFirstBlock)
      : streams_(streams), kind_(kind), block_(block), edge_(edge), fds_(streams ? 512 : 250, -1) {
    const std::string via = std::string("Via: SIP/2.0/") + (streams ? "TCP" : "UDP") + " 192.0.2.66;branch=z9hG4bKbad\r\n";
    const std::string rest = "Max-Forwards: 70\r\nFrom: <sip:x@y>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: " + std::string(kAttackId) + "\r\nCSeq: 1 MESSAGE\r\n";
    const std::string start = "MESSAGE sip:x@y SIP/2.0\r\n";
    std::string noise;
    for (uint32_t i = 0, x = 1; i < 600; ++i) x = x * 1664525 + 1013904223, noise += static_cast<char>(x >> 24);
    add("noise", noise);
    add("cut-head", start + via);
    add("no-headers", start + "\r\n\r\n");
    add("huge-length", start + via + rest + "Content-Length: 99999999999999999999\r\n\r\n");
    add("negative-length", start + via + rest + "Content-Length: -1\r\n\r\nx");
    add("long-line", start + via + std::string(3000, 'v'));
    add("bad-register", "REGISTER sip:x SIP/2.0\r\n" + via + "CSeq: 4294967296 MESSAGE\r\nCall-ID:\r\nContent-Length: 0\r\n\r\n");
    add("stray-response", "SIP/2.0 200 OK\r\n" + via + via + rest + "Content-Length: 0\r\n\r\n");
    // The first half of a ClientHello.
    add("client-hello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + noise.substr(0, 100));
    add(streams ? "cut-upgrade" : "bad-stun", streams ? "GET / HTTP/1.1\r\nUpgrade: websocket\r\n" : std::string("\x00\x01\xff\xff\x21\x12\xa4\x42", 8) + noise.substr(0, 30));
    add("bad-upgrade", "GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 1\r\n\r\n");
    add("nothing", {});
    if (!websocket) return;
    const std::string upgrade(kUpgradeRequest);
    add("unmasked-frame", upgrade + std::string("\x81\x05hello", 7));
    add("bad-opcode", upgrade + std::string("\x8f\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 10));
    add("interleaved-frames", upgrade + std::string("\x01\x84\0\0\0\0abcd\x81\x84\0\0\0\0abcd", 20));
    framed_ = upgrade;
    for (size_t i = 0, plain = attacks_.size(); i < 8 && i < plain; ++i) attacks_.push_back(upgrade + frame(attacks_[i]));
  }

  ~Attackers() {
    for (int fd : fds_) {
      if (fd >= 0) close(fd);
    }
  }
  Attackers(const Attackers&) = delete;
  Attackers& operator=(const Attackers&) = delete;

  // A token with one wrong character.
  void forge(std::string route) {
    const size_t at = route.find("sip:");
    if (at == std::string::npos || at + 12 > route.size()) return;
    route[at + 10] = route[at + 10] == 'A' ? 'B' : 'A';
    std::string message = "MESSAGE sip:x@y SIP/2.0\r\nVia: SIP/2.0/" + std::string(streams_ ? "TCP" : "UDP") + " 192.0.2.66;branch=z9hG4bKbad\r\n" + route;
    message += "Max-Forwards: 70\r\nFrom: <sip:x@y>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: " + std::string(kAttackId) + "\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n";
    for (unsigned i = 0; i < 4; ++i) add("forged-token", framed_.empty() ? message : framed_ + frame(message));
  }

  // How many calls of attack() make one attack.
  static constexpr unsigned steps(bool streams) noexcept { return streams ? 3 : 1; }

  // Takes the next step of the next attacker: a datagram; or connect, send and disconnect, one per call.
  void attack() {
    if (attacks_.empty()) die("no such attack over this transport");
    int& fd = fds_[turn_ % fds_.size()];
    const size_t visit = turn_ / fds_.size() % 3;
    if (streams_ && visit == 2) {
      if (fd >= 0) close(std::exchange(fd, -1));
    } else if (fd < 0) {
      fd = socket_from(static_cast<uint32_t>(turn_ % fds_.size()));
    } else {
      const std::string& octets = attacks_[next_++ % attacks_.size()];
      ::send(fd, octets.data(), octets.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      ++sent_;
      char answers[2048];
      while (recv(fd, answers, sizeof answers, MSG_DONTWAIT) > 0) continue;
    }
    ++turn_;
  }

  uint64_t sent() const noexcept { return sent_; }

 private:
  void add(const char* name, std::string octets) {
    if (kind_ == "all" || kind_ == name) attacks_.push_back(std::move(octets));
  }

  static std::string frame(const std::string& payload) {
    std::string room(kFrameHeadroom, '\0');
    room += payload;
    char* begin = write_frame(room.data() + kFrameHeadroom, payload.size(), Opcode::kText, 0xbadbad);
    return room.substr(static_cast<size_t>(begin - room.data()));
  }

  // 250 addresses that no good client has: a ban must neither spare the edge all the work nor hit a good client.
  int socket_from(uint32_t number) {
    int fd = socket(AF_INET, (streams_ ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in local{AF_INET, 0, {htonl((127u << 24 | uint32_t{block_} << 16) + 2 + number % 250)}, {}};
    set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    linger hard{1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    if (bind(fd, reinterpret_cast<sockaddr*>(&local), sizeof local) != 0) die("bind of an attacker");
    if (connect(fd, reinterpret_cast<const sockaddr*>(&edge_), sizeof edge_) == 0 || errno == EINPROGRESS) return fd;
    close(fd);
    return -1;
  }

  bool streams_;
  std::string kind_;
  uint8_t block_;
  sockaddr_in edge_;
  std::vector<int> fds_;
  std::vector<std::string> attacks_;
  std::string framed_;
  size_t turn_ = 0, next_ = 0;
  uint64_t sent_ = 0;
};

}  // namespace sluice::bench
