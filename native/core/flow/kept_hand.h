// What a process has in hand with the sockets of connections, many at a time: octets that it has read and not dealt with yet, and those that it is
// about to write. Should it end now, the next one goes on from here (core/shard/revival.cc), so that a crash in the middle of one joint system
// call does not end all connections of that call.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/base/bytes.h"

namespace sluice {

// Octets that come in one call with those of others. Until they are dealt with, all else about the connection is as it was before.
struct KeptRead {
  uint32_t slot;
  uint32_t generation;
  uint32_t at;  // of KeptHand::room
};

// A connection that is written to. Until the kernel has taken octets of it, nobody has seen any, nor the records that they were sealed in.
struct KeptWrite {
  static constexpr size_t kMostTls = 240;
  uint32_t slot;
  uint32_t generation;
  uint32_t octets_sent;  // before
  uint32_t tls_octets;
  alignas(8) char tls[kMostTls];  // TlsSession::state(), before
};

struct KeptHand {
  static constexpr size_t kMostReads = 32;
  static constexpr size_t kMostWrites = 256;
  static constexpr size_t kRoom = size_t{2} << 20;

  uint32_t reads_from;  // those in front of it have been dealt with
  uint32_t reads_to;
  uint32_t writes_to;
  KeptRead reads[kMostReads];
  KeptWrite writes[kMostWrites];
  alignas(4096) char room[kRoom];  // Turn's, for all that is read from connections

  // The process may end between any two instructions, so the compiler must leave what is said here in this order.
  static void in_order() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }

  // Call after call, before they are read; `into`: in `room`.
  void will_read(uint32_t slot, uint32_t generation, const char* into) noexcept {
    if (reads_to == kMostReads) return;
    reads[reads_to] = {slot, generation, static_cast<uint32_t>(into - room)};
    in_order();
    ++reads_to;
    in_order();
  }
  // What this one and those in front of it have read is dealt with from now on. The head of the memory names its connection already: between the two,
  // the one before must not be taken for one in hand.
  void deals_with(unsigned i) noexcept {
    in_order();
    reads_from = i + 1;
    in_order();
  }
  void has_read() noexcept {
    reads_to = 0;
    in_order();
    reads_from = 0;
    in_order();
  }

  // Before its octets are sealed and counted. `tls`: empty without TLS, or if nobody can go on with it.
  void will_write(uint32_t slot, uint32_t generation, uint32_t octets_sent, Text tls) noexcept {
    if (writes_to == kMostWrites) return;
    KeptWrite& one = writes[writes_to];
    one.slot = slot;
    one.generation = generation;
    one.octets_sent = octets_sent;
    one.tls_octets = static_cast<uint32_t>(tls.copy(one.tls, KeptWrite::kMostTls));
    in_order();
    ++writes_to;
    in_order();
  }
  // Keys are forgotten at once: their connection may end long before the next write.
  void has_written() noexcept {
    in_order();
    const uint32_t count = writes_to;
    writes_to = 0;
    in_order();
    for (uint32_t i = 0; i < count; ++i)
      if (writes[i].tls_octets > 0) std::memset(writes[i].tls, 0, KeptWrite::kMostTls);
  }
};

}  // namespace sluice
