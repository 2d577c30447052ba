// A flow as one process leaves it to the next, with everything half received and not yet sent. Its descriptor travels beside the image.
#pragma once

#include "core/base/buffer_pool.h"
#include "core/base/image.h"
#include "core/flow/flow_table.h"
#include "core/transport/stream_layer.h"

namespace sluice {

// Whether another process can go on with it: not while its keys, or its handshake, are OpenSSL's.
bool is_portable(const Flow& flow) noexcept;

void freeze_flow(ImageWriter& image, uint32_t slot, const Flow& flow) noexcept;

// A flow on its way into a table. What it owns goes to the flow that place() makes of it.
struct FlowDraft {
  uint32_t slot = 0;
  bool is_armed = false;  // until flow.timer.due
  bool is_counted = false;  // its octets are
  Flow flow;
};

// False: the image is faulty, and `draft` owns nothing.
bool read_flow(ImageReader& image, BufferPool& pool, TlsProvider* tls, FlowDraft& draft) noexcept;

// Octets that wait for a connection, as pieces that each begin a message.
void freeze_queue(ImageWriter& image, const UnsentQueue& queue) noexcept;
void read_queue(ImageReader& image, BufferPool& pool, UnsentQueue& queue) noexcept;

// Gives back what a connection, or a draft of any flow, owns, without a word to anyone.
void forget_belongings(BufferPool& pool, Flow& flow) noexcept;

}  // namespace sluice
