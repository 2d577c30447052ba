// Octets that wait until a connection takes them: a chain of buffers of the shard's pool, so none is copied because more follow.
#pragma once

#include <sys/uio.h>

#include "core/base/flow_buffer.h"

namespace sluice {

class UnsentQueue {
 public:
  bool empty() const noexcept { return first_ == nullptr; }
  size_t octets() const noexcept { return first_ == nullptr ? 0 : first_->queued; }

  // Appends the parts as one message, in one buffer unless it is longer than any. False: the pool has no more, nothing was appended.
  bool append(BufferPool& pool, const iovec* parts, size_t count) noexcept;
  // The first octets of the queue, up to `most` pieces; how many there are.
  size_t gather(iovec* parts, size_t most) const noexcept;
  // The first `octets` are dealt with.
  void consume(BufferPool& pool, size_t octets) noexcept;
  void clear(BufferPool& pool) noexcept;

  // The buffers themselves, each of which begins with a message unless one was longer than any buffer.
  FlowBuffer* first() const noexcept { return first_; }

 private:
  FlowBuffer* extend(BufferPool& pool, size_t octets) noexcept;

  FlowBuffer* first_ = nullptr;
  FlowBuffer* last_ = nullptr;
};

}  // namespace sluice
