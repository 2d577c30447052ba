// What leaves over connections in one turn: every connection is written to once, whatever was queued for it.
#pragma once

#include <vector>

#include "buffer_pool.h"
#include "counters.h"
#include "flow_buffer.h"
#include "flow_table.h"

namespace sluice {

class StreamWriter {
 public:
  StreamWriter(const EdgeConfig& config, FlowTable& flows, BufferPool& pool, Counters& counters) noexcept;
  void attach(int epoll) noexcept { epoll_ = epoll; }

  // The octets must live until flush(). A connection that is still being opened keeps a copy.
  void add(uint32_t slot, Text head, Text body) noexcept;
  void flush() noexcept;

  // The socket takes octets again. False: the flow has failed.
  bool writable(uint32_t slot) noexcept;

  // Flows whose writing failed since the last call; the caller closes them.
  std::vector<uint32_t>& failed() noexcept { return failed_; }

  void watch(uint32_t slot, bool for_writing) noexcept;

 private:
  struct Entry {
    uint32_t slot;  // 0: sent already
    uint32_t generation;  // the slot may belong to somebody else by the time of flush()
    Text head;
    Text body;
  };

  void write_all_of(size_t first) noexcept;
  bool keep(uint32_t slot, Text octets) noexcept;
  void fail(uint32_t slot) noexcept;

  const EdgeConfig& config_;
  FlowTable& flows_;
  BufferPool& pool_;
  Counters& counters_;
  int epoll_ = -1;
  std::vector<Entry> entries_;
  std::vector<uint32_t> failed_;
};

}  // namespace sluice
