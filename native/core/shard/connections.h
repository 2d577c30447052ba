// The connections of a shard: those that clients and core opened, and those it dialled itself: to the core and, for the object path, to a
// phone's Contact; that phone is then a client like any other.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/image.h"
#include "core/flow/ban_set.h"
#include "core/shard/flow_ends.h"
#include "core/shard/flow_timers.h"
#include "core/shard/moving_flow.h"
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
  // For connections from now on.
  void set_tls(std::shared_ptr<TlsProvider> tls) noexcept { tls_ = std::move(tls); }
  TlsProvider* tls() noexcept { return tls_.get(); }
  // Call after the upstreams have changed.
  void find_targets() noexcept;

  // A connection from a peer. We take it over, or close it.
  void accepted(int fd, const Address& remote, uint16_t listener) noexcept;
  // The slot of the connection to a neighbour, dialled unless it exists; 0: impossible. TLS proves one name, so a connection serves
  // only that name (RFC 5923 5).
  uint32_t to_core(const Address& address, Transport transport, Text name) noexcept;
  // `see(slot)` for each connection to a neighbour; it may close that one.
  template <typename See>
  void each_to_core(See&& see) noexcept {
    for (size_t i = core_.size(); i-- > 0;)
      if (i < core_.size()) see(core_[i].slot);
  }
  // Whether a neighbour known by its UDP address accepts over TCP what is too large for UDP (RFC 3261 18.1.1): a connection is open or
  // being dialled. A neighbour that refused one is not tried again for a good while.
  bool takes_stream(const Address& address) noexcept;
  // The same for a phone, within its address's share of connections.
  uint32_t to_phone(const Address& address, Transport transport, Text name) noexcept;
  // A dialled connection is open, TLS included. False: we had to close it.
  bool opened(uint32_t slot) noexcept;
  // A balancer says that the client of this connection is not its peer. False: that client has too many connections, or is banned.
  bool is_for(uint32_t slot, const Address& client) noexcept;

  // Counts a handshake that a connection is about to begin. False: there are too many, and the connection was closed.
  bool begin_handshake(uint32_t slot) noexcept;
  // Ends that once both handshakes, TLS and WebSocket, are complete.
  void handshake_done(uint32_t slot) noexcept;

  void peer_closed(uint32_t slot) noexcept;
  void close(uint32_t slot, Counter why) noexcept;
  // The same at the end of a turn, or some turns later if many end at once: each close costs system calls.
  void close_soon(uint32_t slot, Counter why) noexcept;
  // Closes some flows of the close list; false: it is empty.
  bool close_listed() noexcept;
  // What was waiting for dialled connections that never opened; the caller returns the buffers to the pool.
  std::vector<UnsentQueue> take_unsent() noexcept { return std::exchange(unsent_, {}); }

  // connections_image.cc, for the successor of this process
  // What it knows beyond its flows. `moves(slot)`: whether that flow is in the image.
  void freeze(ImageWriter& image, const std::function<bool(uint32_t)>& moves) const noexcept;
  void adopt(ImageReader& image) noexcept;
  // A flow that the table has adopted is watched and counted. Its origin comes with the commons. `is_watched`: epoll has its descriptor already.
  // `is_counted`: so are its octets.
  void came(uint32_t slot, bool is_watched, bool is_counted = true) noexcept;
  // The flow goes on in another process: our descriptor is closed without a word to the peer.
  void let_go(uint32_t slot) noexcept;
  void let_go_unsent() noexcept;
  void watch_all() noexcept;  // the epoll is a new one
  // Whether another process has duplicates of our descriptors.
  void share_descriptors(bool is_shared) noexcept { is_shared_ = is_shared; }
  static void watch_new(int epoll, const MovingFlow& flow) noexcept;
  // Another process has all the others: a connection leaves as soon as its handshake is over (followers.h).
  void leave_when_open(bool leaves) noexcept { leaves_ = leaves; }
  bool leaves() const noexcept { return leaves_; }
  void leave(uint32_t slot) noexcept { leaving_.push_back(ground_.flows.handle(slot)); }
  std::vector<FlowHandle> take_leaving() noexcept { return std::exchange(leaving_, {}); }
  // It has left.
  void follow(uint32_t slot) noexcept;
  // One that has come after the others.
  void joined(uint32_t slot, bool is_counted) noexcept;
  // One that has outlived the process before.
  void revived(uint32_t slot) noexcept;
  // One that has outlived the process after this one: nothing of it is here any longer, so it is watched for what comes.
  void taken_back(uint32_t slot) noexcept;
  // One that cannot go on, for what the process after this one knew about it: its peer hears nothing from us.
  void lose(uint32_t slot) noexcept;

 private:
  struct CoreConnection {
    Address address;
    Transport transport;
    std::string name;  // for TLS
    uint32_t slot;
  };

  static constexpr size_t kMostRefusals = 64;
  struct Refusal {
    Address address;
    uint32_t until;  // tick
  };

  static std::string phone_key(const Address& address, Transport transport);
  void refused_stream(const Address& address) noexcept;
  bool comes_by_proxy(uint16_t listener, const Address& remote) const noexcept;
  enum class Opening : uint8_t { accepted, to_core, to_phone };

  uint32_t adopt(int fd, const Address& remote, uint16_t listener, Opening opening) noexcept;
  uint32_t open_to(const Address& address, Transport transport, Text name, uint16_t listener, Opening opening) noexcept;
  void note_origin(uint32_t slot, const Address& remote) noexcept;
  bool add_layer(uint32_t slot) noexcept;
  void drop_layer(Flow& flow) noexcept;
  void give_handshake(Flow& flow) noexcept;
  void watch(uint32_t slot, int operation) noexcept;
  void close_descriptor(int fd) noexcept;
  bool is_in_handshake(FlowHandle handle) noexcept;
  bool end_oldest_handshake() noexcept;
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
  std::shared_ptr<TlsProvider> tls_;  // shared by all shards
  std::deque<FlowHandle> handshakes_;  // the oldest first; some are over
  std::vector<CoreConnection> core_;
  std::vector<Refusal> refusals_;     // for takes_stream()
  size_t next_refusal_ = 0;
  std::unordered_map<std::string, uint32_t> phones_;  // slots by destination
  std::vector<UnsentQueue> unsent_;
  std::vector<char> last_words_;
  bool is_shared_ = false;
  bool leaves_ = false;
  std::vector<FlowHandle> leaving_;
};

// The listener that names us in requests to the core, and from whose address we dial.
uint16_t core_listener(const EdgeConfig& config, Transport transport, bool v4) noexcept;

// The listener that a phone would connect to over this transport; -1: none.
int client_listener(const EdgeConfig& config, Transport transport, bool v4) noexcept;

// Whether a source on a listener belongs to the core.
bool is_core_side(const EdgeConfig& config, uint16_t listener, const Address& remote) noexcept;

}  // namespace sluice
