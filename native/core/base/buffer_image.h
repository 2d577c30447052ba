// The buffers of flows and requests on their way to another process (image.h).
#pragma once

#include "core/base/flow_buffer.h"
#include "core/base/image.h"

namespace sluice {

// Empty: there is none.
inline void put_buffer(ImageWriter& image, FlowBuffer* buffer) noexcept { image.text(buffer == nullptr ? Text() : buffer->text()); }

// nullptr: it was empty, or it did not fit, which is a fault of the image.
inline FlowBuffer* read_buffer(ImageReader& image, BufferPool& pool) noexcept {
  const Text octets = image.text();
  FlowBuffer* buffer = nullptr;
  if (!octets.empty() && !append(pool, buffer, octets)) image.fail("it holds more octets than a shard may");
  return buffer;
}

}  // namespace sluice
