// Octets that wait until a connection takes them: a chain of buffers from the shard's pool, so that queueing more copies nothing.
#pragma once

#include <sys/uio.h>

#include "core/base/flow_buffer.h"

namespace sluice {

class UnsentQueue {
 public:
  bool empty() const noexcept { return first_ == nullptr; }
  size_t octets() const noexcept { return first_ == nullptr ? 0 : first_->queued; }

  // Appends the parts as one message, in one buffer unless it is longer than any. False: the pool is exhausted; nothing was appended.
  bool append(BufferPool& pool, const iovec* parts, size_t count) noexcept;
  // The first octets of the queue, as up to `most` pieces; returns how many.
  size_t gather(iovec* parts, size_t most) const noexcept;
  // Drops the first `octets`.
  void consume(BufferPool& pool, size_t octets) noexcept;
  void clear(BufferPool& pool) noexcept;

  // The buffers themselves; each begins with a message, unless a message was longer than any buffer.
  FlowBuffer* first() const noexcept { return first_; }

 private:
  FlowBuffer* extend(BufferPool& pool, size_t octets) noexcept;

  FlowBuffer* first_ = nullptr;
  FlowBuffer* last_ = nullptr;
};

}  // namespace sluice
