// Octets borrowed from the shard's pool, preceded by their size.
#pragma once

#include <cstring>

#include "core/base/buffer_pool.h"
#include "core/base/bytes.h"

namespace sluice {

struct FlowBuffer {
  uint32_t size;      // octets in use
  uint32_t done;      // of these, octets already dealt with
  uint32_t capacity;  // octets after this header
  uint32_t queued;    // in the first buffer of a queue: octets waiting in the whole queue
  FlowBuffer* next;   // in a queue

  char* data() noexcept { return reinterpret_cast<char*>(this + 1); }
  Text text() noexcept { return Text(data() + done, size - done); }
};

// nullptr: over the cap of the shard's pool, or larger than its largest buffer.
inline FlowBuffer* borrow(BufferPool& pool, size_t octets) noexcept {
  size_t capacity = 0;
  void* memory = pool.take(octets + sizeof(FlowBuffer), capacity);
  if (memory == nullptr) return nullptr;
  auto* buffer = static_cast<FlowBuffer*>(memory);
  *buffer = FlowBuffer{0, 0, static_cast<uint32_t>(capacity - sizeof(FlowBuffer)), 0, nullptr};
  return buffer;
}

inline void give_back(BufferPool& pool, FlowBuffer*& buffer) noexcept {
  if (buffer == nullptr) return;
  pool.give(buffer, buffer->capacity + sizeof(FlowBuffer));
  buffer = nullptr;
}

// Makes room for `octets` in total, keeping what is in use. False: no memory; `buffer` is unchanged.
inline bool grow(BufferPool& pool, FlowBuffer*& buffer, size_t octets) noexcept {
  if (buffer != nullptr && buffer->capacity >= octets) return true;
  FlowBuffer* bigger = borrow(pool, octets);
  if (bigger == nullptr) return false;
  if (buffer != nullptr) {
    const Text kept = buffer->text();
    std::memcpy(bigger->data(), kept.data(), kept.size());
    bigger->size = static_cast<uint32_t>(kept.size());
    give_back(pool, buffer);
  }
  buffer = bigger;
  return true;
}

inline bool append(BufferPool& pool, FlowBuffer*& buffer, Text octets) noexcept {
  const size_t held = buffer == nullptr ? 0 : buffer->size - buffer->done;
  if (buffer != nullptr && buffer->done > 0 && buffer->size + octets.size() > buffer->capacity) {
    std::memmove(buffer->data(), buffer->data() + buffer->done, held);
    buffer->size = static_cast<uint32_t>(held);
    buffer->done = 0;
  }
  const size_t needed = (buffer == nullptr ? 0 : buffer->size) + octets.size();
  if (buffer == nullptr || buffer->capacity < needed) {
    if (!grow(pool, buffer, needed)) return false;
  }
  std::memcpy(buffer->data() + buffer->size, octets.data(), octets.size());
  buffer->size += static_cast<uint32_t>(octets.size());
  return true;
}

}  // namespace sluice
