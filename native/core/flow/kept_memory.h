// Memory for the flows of one shard that outlives its process: a file in memory whose descriptor the keeper has too, so that the next process
// reads what this one last wrote (docs/decisions/keeper.md). Flows are written in place, which costs a message nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/base/shared_memory.h"

namespace sluice {

struct Flow;

struct KeptHead {
  uint64_t magic = 0;
  uint64_t layout = 0;      // of the version that wrote it
  uint32_t slots = 0;       // FlowTable::slots()
  uint32_t generation = 0;  // FlowTable::last_generation()
  uint32_t reading = 0;     // the slot whose octets are being dealt with at this moment; 0: none
  uint32_t batch = 0;       // messages of the turn that is not over
  uint16_t boot = 0;
  uint8_t shard = 0;
  uint8_t shards = 0;
};

// What a flow with a layer needs beside its place in the table.
struct alignas(64) KeptLayer {
  static constexpr size_t kMostTls = 240;
  uint32_t generation;  // of the flow that wrote it
  uint8_t stage;
  uint8_t is_secure;
  uint8_t is_websocket;
  uint8_t must_have_proxy_header;
  uint8_t is_unfinished;  // a part of a record or of a message is in this process alone
  char tls[kMostTls];   // TlsSession::live_in()
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

  // New and all zero. nullptr: `error` is an errno.
  static std::unique_ptr<KeptMemory> make(int& error) noexcept;
  // What a process that has ended left. nullptr: `fault` says why it cannot be read. The descriptor stays the caller's.
  static std::unique_ptr<KeptMemory> read(int fd, uint64_t layout, const char*& fault) noexcept;

  int fd() const noexcept { return memory_.file(); }
  // Whether it is that file.
  bool is(int file) const noexcept;
  KeptHead& head() const noexcept { return *reinterpret_cast<KeptHead*>(memory_.octets()); }
  // Of the slot and all that follow.
  Flow* flows(uint32_t slot) const noexcept { return reinterpret_cast<Flow*>(memory_.octets() + kHeadOctets + slot * kFlowOctets); }
  KeptLayer& layer(uint32_t slot) const noexcept;
  KeptNotes& notes(uint32_t slot) const noexcept;

 private:
  static constexpr size_t kHeadOctets = 4096;

  KeptMemory() = default;

  SharedMemory memory_;
};

}  // namespace sluice
