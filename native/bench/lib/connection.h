// A client's connection to the edge over TCP, TLS, WS or WSS, or its UDP socket: the steps until it is open, then messages and keep-alives.
#pragma once

#include "stream.h"
#include "websocket.h"

namespace sluice::bench {

struct Layers {
  bool tls = false;
  bool websocket = false;
  bool datagram = false;
};

// A STUN Binding request (RFC 5626 3.5.2).
constexpr char kStunPing[20] = {0, 1, 0, 0, 0x21, 0x12, '\xA4', 0x42, 'l', 'o', 'a', 'd'};
inline bool is_stun_pong(const char* data, ssize_t size) noexcept { return size >= 20 && data[0] == 1 && data[1] == 1; }

class Connection {
 public:
  enum class Step { kGoesOn, kOpened, kFailed };

  // connect() has begun on the descriptor.
  Connection(int fd, Layers layers, TlsSession tls) : stream_(fd, std::move(tls)), websocket_(layers.websocket), datagram_(layers.datagram) {}

  int fd() const noexcept { return stream_.fd(); }
  bool open() const noexcept { return phase_ == Phase::kOpen; }
  bool backlog() const noexcept { return stream_.backlog(); }
  bool connecting() const noexcept { return phase_ == Phase::kConnecting; }
  void flush() { stream_.flush(); }

  // Continues connecting as far as possible without waiting.
  Step advance(char* scratch, size_t room) {
    if (phase_ == Phase::kConnecting) {
      int error = 0;
      socklen_t size = sizeof error;
      getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return Step::kFailed;
      phase_ = Phase::kHandshake;
    }
    if (phase_ == Phase::kHandshake) {
      Handshake handshake = stream_.tls() ? stream_.tls().handshake() : Handshake::kDone;
      if (handshake == Handshake::kFailed) return Step::kFailed;
      if (handshake == Handshake::kGoesOn) return Step::kGoesOn;
      phase_ = websocket_ ? Phase::kUpgrade : Phase::kOpen;
      if (open()) return Step::kOpened;
      stream_.send_now(kUpgradeRequest.data(), kUpgradeRequest.size());
      return Step::kGoesOn;
    }
    bool alive = stream_.receive(scratch, room, [this](Text text) {
      size_t used = take_upgrade(text);
      if (used != 0 && used != kBroken) phase_ = Phase::kOpen;
      return used;
    });
    return !alive ? Step::kFailed : open() ? Step::kOpened : Step::kGoesOn;
  }

  // There must be kFrameHeadroom octets of room before the message; the message is modified.
  void send(char* message, size_t size) {
    if (!websocket_) return stream_.send_now(message, size);
    send_frame(message, size, Opcode::kText);
  }

  // CRLF CRLF on a stream (RFC 5626 3.5.1), a ping frame on a WebSocket (RFC 7118 6).
  void ping() {
    if (datagram_) return stream_.send_now(kStunPing, sizeof kStunPing);
    if (!websocket_) return stream_.send_now("\r\n\r\n", 4);
    char frame[kFrameHeadroom + 4] = {};
    send_frame(frame + kFrameHeadroom, 4, Opcode::kPing);
  }

  // Calls f(message) for each message. False: the connection has ended.
  template <typename F>
  bool receive(char* scratch, size_t room, F&& f) {
    if (datagram_) return receive_datagram(scratch, room, f);
    return stream_.receive(scratch, room, [&](Text text) { return websocket_ ? frames(text, f) : take_messages(text, pongs_, f); });
  }

  // How many pings have been answered since the last call.
  unsigned take_pongs() noexcept { return std::exchange(pongs_, 0u); }

 private:
  enum class Phase { kConnecting, kHandshake, kUpgrade, kOpen };

  template <typename F>
  bool receive_datagram(char* scratch, size_t room, F&& f) {
    const ssize_t size = recv(fd(), scratch, room, 0);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    if (is_stun_pong(scratch, size)) return ++pongs_, true;
    Message m;
    if (read_message(Text(scratch, static_cast<size_t>(size)), m) == Read::kWhole) f(m);
    return true;
  }

  template <typename F>
  size_t frames(Text text, F&& f) {
    bool whole = true;
    size_t used = take_frames(text, [&](Opcode opcode, Text payload) {
      if (opcode == Opcode::kPong) {
        ++pongs_;
      } else if (opcode == Opcode::kPing) {
        answer_ping(payload);
      } else if (opcode == Opcode::kClose) {
        whole = false;
      } else {
        // Each frame is a message (RFC 7118 5): an incomplete one means that the edge frames wrongly.
        whole = take_messages(payload, pongs_, f) == payload.size() && whole;
      }
    });
    return whole ? used : kBroken;
  }

  void answer_ping(Text payload) {
    char frame[kFrameHeadroom + 125];
    std::memcpy(frame + kFrameHeadroom, payload.data(), payload.size());
    send_frame(frame + kFrameHeadroom, payload.size(), Opcode::kPong);
  }

  void send_frame(char* payload, size_t size, Opcode opcode) {
    mask_ = mask_ * 1664525 + 1013904223;
    char* frame = write_frame(payload, size, opcode, mask_);
    stream_.send_now(frame, static_cast<size_t>(payload + size - frame));
  }

  Stream stream_;
  bool websocket_;
  bool datagram_;
  Phase phase_ = Phase::kConnecting;
  uint32_t mask_ = 0x5eed;
  unsigned pongs_ = 0;
};

}  // namespace sluice::bench
