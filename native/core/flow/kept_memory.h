// Memory for the flows of one shard that outlives its process: a file in memory whose descriptor the keeper has too, so that the next process
// reads what this one last wrote (docs/decisions/keeper.md). Flows are written in place, which costs a message nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/base/shared_memory.h"
#include "core/flow/kept_hand.h"

namespace sluice {

struct Flow;

// Slots for which memory is promised together, as many as FlowTable adds at a time.
constexpr uint32_t kKeptPiece = 1u << 10;

enum KeptPiece : uint8_t { kPiece_layers = 1, kPiece_notes = 2 };

struct KeptHead {
  static constexpr uint32_t kMostPieces = (1u << 24) / kKeptPiece;  // FlowTable::kMostSlots

  uint64_t magic = 0;
  uint64_t layout = 0;      // of the version that wrote it
  uint32_t slots = 0;       // FlowTable::slots(), as far as they lie here
  uint32_t generation = 0;  // FlowTable::last_generation()
  uint32_t reading = 0;     // the slot whose octets are being dealt with at this moment; 0: none
  uint32_t batch = 0;       // messages taken from sockets and rings in the turn that is not over, or more
  uint32_t handed = 0;      // records given to rings, modulo 2^32
  uint32_t taken = 0;       // from our own ring, the same
  uint32_t waiting = 0;     // requests and answers that wait in the process alone, between two turns
  uint16_t boot = 0;
  uint8_t shard = 0;
  uint8_t shards = 0;
  uint8_t has_hand = 0;
  uint8_t pieces[kMostPieces] = {};  // KeptPiece bits: what there is besides the flows
};

// What a flow with a layer needs beside its place in the table.
struct alignas(64) KeptLayer {
  static constexpr size_t kMostTls = KeptWrite::kMostTls;
  uint32_t generation;  // of the flow that wrote it
  uint8_t stage;
  uint8_t is_secure;
  uint8_t is_websocket;
  uint8_t must_have_proxy_header;
  uint8_t is_unfinished;  // a part of a record or of a message is in this process alone
  alignas(8) char tls[kMostTls];  // TlsSession::live_in()
};
static_assert(sizeof(KeptLayer) == 256);

// Who registered over a flow, as an image (FlowNotes::freeze_slot).
struct KeptNotes {
  static constexpr size_t kMost = 504;
  uint32_t generation;  // of the flow that wrote it; 0: none
  uint32_t size;
  char octets[kMost];
};

class KeptMemory {
 public:
  static constexpr size_t kFlowOctets = 128;

  // New and all zero. `most`: octets that it may take. nullptr: `error` is an errno.
  static std::unique_ptr<KeptMemory> make(int& error, size_t most) noexcept;
  // What a process that has ended left: no slot and no piece is named in its head for which there is no memory. nullptr: `fault` says why it cannot be read. The descriptor stays the caller's.
  static std::unique_ptr<KeptMemory> read(int fd, uint64_t layout, const char*& fault) noexcept;

  int fd() const noexcept { return memory_.file(); }
  // Whether it is that file.
  bool is(int file) const noexcept;
  KeptHead& head() const noexcept { return *reinterpret_cast<KeptHead*>(memory_.octets()); }
  // Of a slot below `head().slots`.
  Flow* flow(uint32_t slot) const noexcept { return reinterpret_cast<Flow*>(memory_.octets() + kHeadOctets + slot * kFlowOctets); }
  // nullptr: there is none.
  KeptLayer* layer(uint32_t slot) const noexcept;
  KeptNotes* notes(uint32_t slot) const noexcept;
  KeptHand* hand() const noexcept;

  // The same, and a place for it; for flows: of the slot and the others of its piece. nullptr: there is no memory for it.
  Flow* make_flows(uint32_t slot) noexcept;
  KeptLayer* make_layer(uint32_t slot) noexcept;
  KeptNotes* make_notes(uint32_t slot) noexcept;
  KeptHand* make_hand() noexcept;

 private:
  static constexpr size_t kHeadOctets = 20 << 10;

  KeptMemory() = default;
  bool is_sound(int fd) const noexcept;
  bool make_piece(KeptPiece which, uint32_t slot, size_t at, size_t each) noexcept;

  SharedMemory memory_;
};

}  // namespace sluice
