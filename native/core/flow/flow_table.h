// The flows of one shard: connections, and the UDP flows about which it must remember something (RFC 5626 5.2).
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "core/flow/address_hash.h"
#include "core/flow/flow_token.h"
#include "core/flow/kept_memory.h"
#include "core/flow/unsent_queue.h"
#include "core/sip/address.h"
#include "core/sip/framer.h"
#include "core/base/invariant.h"
#include "core/base/layout.h"
#include "core/base/timing_wheel.h"

namespace sluice {

enum class FlowState : uint8_t { free_slot, open, connecting, draining_out };

struct StreamLayer;  // what lies between the connection and SIP, see stream_layer.h

// What a connection owns.
struct StreamParts {
  FlowBuffer* in = nullptr;      // unfinished message
  UnsentQueue out;
  StreamLayer* layer = nullptr;  // TLS and WebSocket, and PROXY header until it has arrived
};

// One flow. An idle UDP flow owns nothing outside these 128 octets, an idle TCP flow at most the MACs of its tokens. A datagram that neither makes
// nor verifies a token touches the first line alone.
struct alignas(64) Flow {
  WheelNode timer;              // also links free slots
  Address remote;
  uint16_t listener = 0;
  uint32_t generation = 0;
  uint32_t last_seen = 0;       // tick of the last octet
  uint32_t birth = 0;           // UDP: see FlowName::birth; stream: tick at which it opened
  union {
    uint32_t chain = 0;         // UDP: next in the hash bucket; free: next free slot
    uint32_t octets_sent;       // stream: given to the socket or to `out` so far, modulo 2^32
  };
  uint32_t messages = 0;        // received
  uint32_t waiting_until = 0;   // from this tick on, nobody expects answers to `waiting` any longer
  uint16_t waiting = 0;         // its own requests that have not been answered yet
  uint16_t supervise = 0;       // it ends after this many seconds without a sign of life; 0: not supervised
  FlowKind kind = FlowKind::stream;
  FlowState state = FlowState::free_slot;
  uint8_t flags = 0;            // FlowFlag bits
  uint8_t marks = 0;            // kMark bits
  // The second line. `kind` says which of the two it is, so nobody may look at the parts of a UDP flow.
  union {
    StreamParts stream{};
    TokenMacs macs;             // UDP
  };
  int32_t fd = -1;
  union {
    uint32_t died = 0;          // UDP: birth unit of the last death, with kMark_died
    uint32_t octets_read;       // stream: taken from the socket so far, modulo 2^32
  };
  uint32_t pending = 0;         // first request waiting on this flow
  uint32_t ping_second = 0;
  FramerState framer;
  uint16_t pings = 0;           // in the second `ping_second`
  int8_t upstream = -1;         // the target this dialled connection belongs to
};

static_assert(sizeof(Flow) == 128, "an idle flow costs 128 octets");
static_assert(offsetof(Flow, stream) == 64);

// A request has arrived on the flow, and its response should leave by `until` (tick).
inline void expect_answer(Flow& flow, uint32_t now, uint32_t until) noexcept {
  if (flow.waiting == 0 || static_cast<int32_t>(flow.waiting_until - now) <= 0) {
    flow.waiting = 1;
    flow.waiting_until = until;
    return;
  }
  if (flow.waiting < UINT16_MAX) ++flow.waiting;
  if (static_cast<int32_t>(until - flow.waiting_until) > 0) flow.waiting_until = until;
}

inline bool owes_answer(const Flow& flow, uint32_t now) noexcept {
  return flow.waiting > 0 && static_cast<int32_t>(flow.waiting_until - now) > 0;
}

enum FlowMark : uint8_t {
  kMark_wants_write = 1,   // EPOLLOUT is set
  kMark_partial = 2,       // an unfinished message waits in `in`
  kMark_resumes = 4,       // complete messages are left in `in`
  kMark_spoke = 8,         // it has sent a complete message
  kMark_peer_closed = 16,  // the peer sent FIN; close when everything is written
  kMark_closing = 32,      // close at the end of the turn
  kMark_bound = 64,        // the object path wants to know when it ends
  kMark_deaf = 128,        // stream: framing is lost, read no more
  kMark_died = 128,        // UDP: it has died before
};

// Anything that outlives a call or a turn holds a flow by this, never by its slot alone: by then the slot may belong to another flow.
struct FlowHandle {
  uint32_t slot = 0;
  uint32_t generation = 0;

  // As epoll keeps it. No flow has the generation 0, so other descriptors of a shard have it.
  static FlowHandle of(uint64_t packed) noexcept { return {static_cast<uint32_t>(packed), static_cast<uint32_t>(packed >> 32)}; }
  uint64_t packed() const noexcept { return uint64_t{generation} << 32 | slot; }
};

// Slabs of flows by slot number; slot 0 is never used. The order of slots means nothing; every reuse gets a new generation.
class FlowTable {
 public:
  FlowTable(const SipKey& table_key, uint32_t first_generation) noexcept;

  // Before the first flow: from now on they lie in that memory, which outlives the table.
  void live_in(KeptMemory& memory) noexcept;
  // Whether that flow does: there may be no memory for all.
  bool is_kept(uint32_t slot) const noexcept { return slot < kept_slots_; }
  // Where the turn stands, for whoever must go on after a crash.
  KeptHead& head() noexcept { return *head_; }
  // What is in hand with their sockets; nullptr: nobody would go on with it.
  KeptHand* hand() noexcept { return hand_; }

  // The caller has checked SourceShares for room. Sets `kind` and `remote`; adds a UDP flow to the index.
  uint32_t open(FlowKind kind, const Address& remote, uint16_t listener) noexcept;
  void release(uint32_t slot) noexcept;

  // For the successor of a process, whose table is empty: place() each of its flows, all of them before settle(). False: there is a flow in
  // that slot, or there are fewer slots.
  bool place(uint32_t slot, const Flow& flow) noexcept;
  // `generation`: last_generation() of the other process, so that tokens of flows that ended there lead nowhere.
  void settle(uint32_t generation) noexcept;
  uint32_t last_generation() const noexcept { return generation_; }
  static constexpr uint32_t kMostSlots = 1u << 24;  // see FlowName::slot

  // The slot must hold an open flow.
  Flow& at(uint32_t slot) noexcept {
    Flow& flow = entry(slot);
    SLUICE_INVARIANT(flow.state != FlowState::free_slot);
    return flow;
  }
  WheelNode& node(uint32_t slot) noexcept { return entry(slot).timer; }
  FlowHandle handle(uint32_t slot) noexcept { return {slot, at(slot).generation}; }

  // nullptr: the flow is gone.
  Flow* find(FlowHandle handle) noexcept {
    if (handle.slot == 0 || handle.slot >= next_fresh_) return nullptr;
    Flow& flow = entry(handle.slot);
    return flow.state != FlowState::free_slot && flow.generation == handle.generation ? &flow : nullptr;
  }
  // Whatever flow is in the slot now; nullptr: none.
  Flow* open_at(uint32_t slot) noexcept {
    if (slot == 0 || slot >= next_fresh_) return nullptr;
    Flow& flow = entry(slot);
    return flow.state != FlowState::free_slot ? &flow : nullptr;
  }

  // The live connection that a token names; nullptr: wrong generation, closed, or never opened.
  Flow* find_stream(uint32_t slot, uint32_t generation) noexcept;
  // The place for the MACs of its tokens; nullptr: it is no such connection, or one with a layer, which has no room for them.
  TokenMacs* stream_macs(FlowHandle handle) noexcept;

  // The remembered UDP flow between `remote` and a listener; 0: none.
  uint32_t find_udp(const Address& remote, uint16_t listener) noexcept { return udp_size_ == 0 ? 0 : find_udp(remote, listener, hash_of(remote, listener)); }
  // The same for several, whose places come from memory together: first the bucket of each is fetched, then the flow in it.
  uint32_t find_udp(const Address& remote, uint16_t listener, uint32_t hash) noexcept;
  uint32_t hash_of(const Address& remote, uint16_t listener) const noexcept { return hash_(remote, listener); }
  void fetch_bucket(uint32_t hash) const noexcept { __builtin_prefetch(&index_[bucket_of(hash)]); }
  void fetch_udp(uint32_t hash) const noexcept { fetch(first_with(hash)); }
  // The first flow in its bucket, most often the one with this hash; 0: none.
  uint32_t first_with(uint32_t hash) const noexcept { return index_[bucket_of(hash)]; }
  // Any number may be given, even one that names no slot.
  void fetch(uint32_t slot) const noexcept {
    if (slot == 0 || slot >= next_fresh_) return;
    const auto* const octets = reinterpret_cast<const char*>(&slabs_[slot >> kSlabBits][slot & (kSlabSize - 1)]);
    __builtin_prefetch(octets, 1);
    __builtin_prefetch(octets + 64, 1);
    if (slot >> kMacsBits < stream_macs_.size()) __builtin_prefetch(stream_macs_[slot >> kMacsBits].get() + (slot & (kMacsSize - 1)), 1);
  }

  uint32_t size() const noexcept { return size_; }
  uint32_t slots() const noexcept { return next_fresh_; }

 private:
  static constexpr uint32_t kSlabBits = 10;
  static constexpr uint32_t kSlabSize = 1u << kSlabBits;
  static_assert(kSlabSize == kKeptPiece);
  static constexpr uint32_t kMacsBits = 6;
  static constexpr uint32_t kMacsSize = 1u << kMacsBits;

  Flow& entry(uint32_t slot) noexcept {
    SLUICE_INVARIANT(slot != 0 && slot < next_fresh_);
    return slabs_[slot >> kSlabBits][slot & (kSlabSize - 1)];
  }
  void add_slab() noexcept;
  void say_slots() noexcept;
  uint32_t bucket_of(uint32_t hash) const noexcept { return hash & (static_cast<uint32_t>(index_.size()) - 1); }
  uint32_t bucket_of(const Flow& flow) const noexcept { return bucket_of(hash_of(flow.remote, flow.listener)); }
  void add_to_index(uint32_t slot) noexcept;
  void grow_index() noexcept;

  const AddressHash hash_;
  std::vector<Flow*> slabs_;
  std::vector<std::unique_ptr<Flow[]>> own_slabs_;  // those that are not in kept memory
  std::vector<std::unique_ptr<TokenMacs[]>> stream_macs_;  // of connections without a layer; nullptr: nobody has asked for one of these slots
  KeptMemory* kept_ = nullptr;
  uint32_t kept_slots_ = 0;      // that have a place there
  KeptHead nobody_;  // reads it
  KeptHead* head_ = &nobody_;
  KeptHand* hand_ = nullptr;
  std::vector<uint32_t> index_;  // UDP buckets
  uint32_t next_fresh_ = 1;
  uint32_t free_ = 0;
  uint32_t size_ = 0;
  uint32_t udp_size_ = 0;
  uint32_t generation_;
};

}  // namespace sluice
