// The listening sockets as this shard sees them: watched until it drains. The shard does not own them (listener_sockets.h).
#pragma once

#include <vector>

#include "core/relay/admission.h"
#include "core/shard/connections.h"
#include "core/shard/handshake_queue.h"

namespace sluice {

class Listeners {
 public:
  // `sockets`: one per listener. The epoll marker of listener i is `first_marker + i`.
  Listeners(Ground& ground, Outbox& outbox, Connections& connections, BanSet& bans, Admission& admission, const HandshakeQueue& handshakes, std::vector<int> sockets, uint64_t first_marker) noexcept
      : ground_(ground), outbox_(outbox), connections_(connections), bans_(bans), admission_(admission), handshakes_(handshakes), sockets_(std::move(sockets)), first_marker_(first_marker) {}

  void open(int epoll) noexcept;
  int socket_of(uint16_t listener) const noexcept { return sockets_[listener]; }
  void accept_all(uint16_t listener) noexcept;
  void stop() noexcept;
  // Another process reads from them now, UDP sockets included; we still send from those.
  void leave() noexcept;
  void resume() noexcept;
  void tick() noexcept;
  bool is_paused() const noexcept { return paused_; }

 private:
  void watch(size_t listener) noexcept;
  void look_away(size_t listener) noexcept;
  bool may_accept(uint16_t listener) const noexcept;
  size_t most_handshakes() const noexcept;
  void pause(uint16_t listener, uint32_t milliseconds) noexcept;

  Ground& ground_;
  Outbox& outbox_;
  Connections& connections_;
  BanSet& bans_;
  Admission& admission_;
  const HandshakeQueue& handshakes_;
  std::vector<int> sockets_;
  uint64_t first_marker_;
  int epoll_ = -1;
  bool accepting_ = true;
  bool paused_ = false;
  uint32_t pause_ends_ = 0;  // tick
};

}  // namespace sluice
