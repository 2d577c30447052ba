// The connections of a shard: those that clients and core opened, and those that it dialled: to the core, and for the object path to the
// Contact of a phone, which is a client then like any other.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "core/flow/ban_set.h"
#include "core/shard/flow_ends.h"
#include "core/shard/flow_timers.h"
#include "core/shard/shares.h"
#include "core/shard/upstream_health.h"

namespace sluice {

class Connections {
 public:
  Connections(Ground& ground, Turn& turn, Outbox& outbox, FlowTimers& timers, FlowEnds& ends, UpstreamHealth& upstreams, BanSet& bans) noexcept
      : ground_(ground), shares_(ground), turn_(turn), outbox_(outbox), timers_(timers), ends_(ends), upstreams_(upstreams), bans_(bans) {}
  ~Connections() noexcept;
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  void attach(int epoll) noexcept { epoll_ = epoll; }
  // For the connections that come from now on.
  void set_tls(std::shared_ptr<TlsProvider> tls) noexcept { tls_ = std::move(tls); }
  TlsProvider* tls() noexcept { return tls_.get(); }
  // After the upstreams have changed.
  void find_targets() noexcept;

  // A connection that somebody opened; it is ours from now on, or closed again.
  void accepted(int fd, const Address& remote, uint16_t listener) noexcept;
  // The connection to a neighbour, dialled unless it is there: its slot, 0: it cannot be had. TLS proves one name, so a connection
  // serves that one only (RFC 5923 5).
  uint32_t to_core(const Address& address, Transport transport, Text name) noexcept;
  // Whether a neighbour that is known by its UDP address takes what is too large for UDP over TCP (RFC 3261 18.1.1): a connection is open,
  // or is being dialled. Who refused one is asked again a good while later.
  bool takes_stream(const Address& address) noexcept;
  // The same to a phone, within the share that its address has of all connections.
  uint32_t to_phone(const Address& address, Transport transport, Text name) noexcept;
  // A dialled connection is open, TLS included. False: it had to be closed.
  bool opened(uint32_t slot) noexcept;
  // The client of a connection is somebody else than its peer, as a balancer says. False: that one has too many, or is banned.
  bool is_for(uint32_t slot, const Address& client) noexcept;

  void peer_closed(uint32_t slot) noexcept;
  void close(uint32_t slot, Counter why) noexcept;
  // The same with the end of a turn, or some turns later when many end at once: each costs system calls.
  void close_soon(uint32_t slot, Counter why) noexcept;
  // Closes some of what the close list holds; false: nothing.
  bool close_listed() noexcept;
  // What waited for dialled connections that never opened; the caller gives the buffers back.
  std::vector<UnsentQueue> take_unsent() noexcept { return std::exchange(unsent_, {}); }

 private:
  struct CoreConnection {
    Address address;
    Transport transport;
    std::string name;  // of TLS
    uint32_t slot;
  };

  struct Refusal {
    Address address;
    uint32_t until;  // tick
  };

  void refused_stream(const Address& address) noexcept;
  bool comes_by_proxy(uint16_t listener, const Address& remote) const noexcept;
  enum class Opening : uint8_t { accepted, to_core, to_phone };

  uint32_t adopt(int fd, const Address& remote, uint16_t listener, Opening opening) noexcept;
  uint32_t open_to(const Address& address, Transport transport, Text name, uint16_t listener, Opening opening) noexcept;
  void note_origin(uint32_t slot, const Address& remote) noexcept;
  bool add_layer(uint32_t slot) noexcept;
  void drop_layer(Flow& flow) noexcept;
  int dial(const Address& address, uint16_t listener) const noexcept;
  void forget_dialled(uint32_t slot) noexcept;

  Ground& ground_;
  Shares shares_;
  Turn& turn_;
  Outbox& outbox_;
  FlowTimers& timers_;
  FlowEnds& ends_;
  UpstreamHealth& upstreams_;
  BanSet& bans_;
  int epoll_ = -1;
  std::shared_ptr<TlsProvider> tls_;  // of all shards
  std::vector<CoreConnection> core_;
  std::vector<Refusal> refusals_;     // of takes_stream
  size_t next_refusal_ = 0;
  std::unordered_map<std::string, uint32_t> phones_;  // slots by whom they lead to
  std::vector<UnsentQueue> unsent_;
  std::vector<char> last_words_;
};

// The listener whose name a request to the core shows, and whose address it is dialled from.
uint16_t core_listener(const EdgeConfig& config, Transport transport, bool v4) noexcept;

// The listener that a phone would connect to over this transport; -1: there is none.
int client_listener(const EdgeConfig& config, Transport transport, bool v4) noexcept;

// Whether a source on a listener is one of the core.
bool is_core_side(const EdgeConfig& config, uint16_t listener, const Address& remote) noexcept;

}  // namespace sluice
