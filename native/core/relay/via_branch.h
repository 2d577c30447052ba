// Our own Via branch: it alone says where the response must go, so a relay needs no table (RFC 3261 16.11).
//
//   z9hG4bK + base64url of:
//   octet 0     kind of return path (2 bits: stream, UDP over IPv4, UDP over IPv6, our own probe), next hop is core, marks
//         1     shard that relayed it and may remember it, 2 shard that received the request, 3 listener
//   stream 4-5 boot epoch, 6-8 slot, 9-12 generation;  UDP: address and port of the sender;  probe: target and count
//   then  6 octets transaction hash: the same for a retransmission, its CANCEL and its ACK
//         4 octets loop hash over everything that routing depended on (RFC 5393 4.2)
//         6 octets SipHash over all the above and the name of the next hop, so that nobody else can answer
#pragma once

#include "core/base/edit_list.h"
#include "core/relay/edge_config.h"
#include "core/sip/message.h"
#include "core/relay/source.h"

namespace sluice {

enum class BackKind : uint8_t { stream, udp_v4, udp_v6, probe };

struct ReturnPath {
  BackKind kind = BackKind::stream;
  uint8_t keeper = 0;          // shard that relayed the request
  uint8_t shard = 0;           // shard that received the request
  uint8_t listener = 0;
  bool to_core_hop = false;    // the request went to the core: any core source may answer
  bool from_core = false;      // the request came from the core: the response goes there
  bool marks_outbound = false; // REGISTER with reg-id: its 2xx makes the flow an outbound flow
  bool asks_keep = false;      // RFC 6223: its 2xx starts supervising the flow
  uint16_t boot = 0;
  uint32_t slot = 0;           // stream
  uint32_t generation = 0;     // stream; probe: count
  Address remote;              // UDP
  uint64_t transaction = 0;    // of a branch that was read: transaction_id() of its request
};

// For another process (core/base/image.h), without the transaction.
template <typename Image, typename AnyPath>
void describe_return_path(Image& image, AnyPath& back) noexcept {
  image.fields(back.kind, back.keeper, back.shard, back.listener, back.to_core_hop, back.from_core, back.marks_outbound, back.asks_keep, back.boot, back.slot, back.generation,
               back.remote);
}

// The path back to where a message came from.
ReturnPath return_path_of(const EdgeConfig& config, const Source& source) noexcept;

// Who was asked: the core as a whole, or a client's flow.
struct NextHop {
  bool core = true;
  FlowKind kind = FlowKind::udp;
  uint16_t listener = 0;     // UDP
  uint32_t slot = 0;         // stream
  uint32_t generation = 0;   // stream
  Address remote;            // UDP
};

constexpr size_t kMaxBranchText = 80;

// Writes the branch, at most kMaxBranchText octets, and returns its length.
size_t make_branch(const EdgeConfig& config, const ReturnPath& back, const NextHop& next, uint64_t transaction, uint32_t loop,
                   char* out) noexcept;

// Our Via line (RFC 3261 16.6 step 8). Over UDP it asks for rport (RFC 3581 3).
void put_own_via(Writer& out, const Listener& on, Transport transport, Text branch) noexcept;

// False: not our branch, or not from the hop that was asked. `answered_by.core` says that the source may speak for the core; its flow
// matters if a client was asked.
bool read_branch(const EdgeConfig& config, Text branch, const NextHop& answered_by, ReturnPath& back) noexcept;

// The return path in a branch that we wrote and kept ourselves (a remembered request): the MAC is not checked.
bool read_own_branch(Text branch, ReturnPath& back) noexcept;

// The loop hash in a branch of our format; 0: none (a hash is never 0).
uint32_t loop_hash_in(Text branch) noexcept;

// What both the loop hash and the transaction hash cover: Request-URI, Call-ID, From tag and CSeq number.
SipHasher request_hash(const EdgeConfig& config, const Message& message) noexcept;

// RFC 3261 16.11: the same for every message of a transaction, whatever its method. `hash` comes from request_hash().
uint64_t transaction_hash(SipHasher hash, Text top_branch, Text sent_by) noexcept;

// The 48 bits of a transaction hash that fit in a branch, and the ones in a branch of our format.
constexpr uint64_t transaction_id(uint64_t hash) noexcept { return hash >> 32 << 16 | (hash & 0xFFFF); }
uint64_t transaction_in(Text branch) noexcept;

}  // namespace sluice
