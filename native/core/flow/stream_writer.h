// Output over connections: each connection is written to once per turn, however much is queued for it.
#pragma once

#include <sys/uio.h>

#include <memory>
#include <vector>

#include "core/base/buffer_pool.h"
#include "core/base/counters.h"
#include "core/flow/close_list.h"
#include "core/flow/flow_table.h"
#include "core/flow/limits.h"
#include "core/transport/call_ring.h"
#include "core/transport/stream_layer.h"

namespace sluice {

class StreamWriter {
 public:
  // A flow that cannot be written to goes on `closing`.
  StreamWriter(const FlowLimits& limits, FlowTable& flows, BufferPool& pool, Counters& counters, CloseList& closing) noexcept;
  void attach(int epoll) noexcept {
    epoll_ = epoll;
    ring_.open();
  }

  // Whether there is room for a message of this size. A connection still being opened takes only what its queue holds; an open one takes
  // everything, and fails if the peer does not read.
  bool accepts(uint32_t slot, size_t octets) noexcept {
    const Flow& flow = flows_.at(slot);
    if (flow.marks & kMark_closing) return false;
    return flow.state != FlowState::connecting || flow.stream.out.octets() + octets <= cap_of(flow);
  }

  // One SIP message, or an RFC 5626 pong. The octets must live until flush(). A connection still being opened keeps a copy.
  void add(uint32_t slot, Text head, Text body) noexcept;
  // One WebSocket frame for a flow that has been upgraded.
  void add_frame(uint32_t slot, Opcode opcode, Text head, Text body = Text()) noexcept;
  // Octets that are not SIP: the response of a WebSocket handshake.
  void add_plain(uint32_t slot, Text octets) noexcept { queue(slot, Text(), octets, Text()); }
  void flush() noexcept;

  // Sends TLS's own records at once, because every later record depends on them. False: the flow has failed.
  bool send_records(uint32_t slot, Text records) noexcept;
  // A dialled connection is open, TLS included: sends what was waiting. False: the flow has failed.
  bool opened(uint32_t slot) noexcept;

  // The socket takes octets again. False: the flow has failed.
  bool writable(uint32_t slot) noexcept;

  // Nothing stays in it between calls, so others may use it as well.
  CallRing& ring() noexcept { return ring_; }

  void watch(uint32_t slot, bool for_writing) noexcept;
  void watch_again(uint32_t slot) noexcept { watch(slot, (flows_.at(slot).marks & kMark_wants_write) != 0); }
  // What epoll must report about it.
  static uint32_t events_of(const Flow& flow) noexcept;

 private:
  struct Entry {
    uint32_t slot;  // 0: sent already
    uint32_t generation;  // the slot may belong to somebody else by the time of flush()
    Text head;
    Text body;
    uint16_t next;        // perhaps of the same connection; 0: none
    uint8_t frame_size;   // WebSocket: octets of the frame header in front
    char frame[kMaxServerHeader];
  };
  static constexpr size_t kChains = 256;

  // What flush() writes to one connection.
  struct Write {
    uint32_t slot;
    uint32_t generation;
    size_t first_part;
    size_t parts;
    size_t octets;
    bool in_ring;
  };

  void queue(uint32_t slot, Text frame, Text head, Text body) noexcept;
  void add_part(Text text, size_t first) noexcept;
  bool gather(size_t first) noexcept;
  void write_gathered() noexcept;
  void write(const Write& one, ssize_t done) noexcept;
  void fetch_keys(size_t i) noexcept;
  bool seal(TlsSession& tls, const iovec* parts, size_t count, size_t octets, Text& sealed) noexcept;
  bool encrypt(TlsSession& tls, const iovec* parts, size_t count) noexcept;
  bool keep(uint32_t slot, const iovec* parts, size_t count) noexcept;
  bool keep(uint32_t slot, Text octets) noexcept;
  void fail(uint32_t slot) noexcept;
  size_t cap_of(const Flow& flow) const noexcept { return flow.flags & kFlow_core ? limits_.max_core_queue : limits_.max_queue; }

  const FlowLimits& limits_;
  FlowTable& flows_;
  BufferPool& pool_;
  Counters& counters_;
  CloseList& closing_;
  int epoll_ = -1;
  std::vector<Entry> entries_;
  uint16_t last_[kChains] = {};  // of the entries with the same slot modulo kChains, their count up to there; 0: none
  std::vector<Write> writes_;
  std::vector<iovec> parts_;
  std::vector<char> records_;  // of TLS, for one connection at a time
  const std::unique_ptr<char[]> sealed_;   // those of what is gathered, one after the other
  size_t sealed_used_ = 0;
  bool seals_ = false;  // some of what waits leaves in records
  std::vector<std::vector<char>> long_;    // of writes that have no place there, or no records of our own
  size_t long_used_ = 0;
  CallRing ring_;
};

}  // namespace sluice
