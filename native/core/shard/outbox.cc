#include "core/shard/outbox.h"

namespace sluice {
namespace {

constexpr size_t kCopiedBody = 1024;  // copying a shorter body is cheaper than describing it to the kernel

}  // namespace

Outbox::Outbox(Ground& ground) noexcept
    : counters_(ground.counters),
      streams_(ground.config.limits, ground.flows, ground.pool, ground.counters, ground.closing),
      datagrams_(ground.config.listeners.size()),
      scratch_(new char[kScratch]) {}

Text Outbox::finished(const Writer& head, Text& body) noexcept {
  Text octets = commit(head);
  if (body.empty() || body.size() > kCopiedBody) return octets;
  Writer tail(scratch_.get() + used_, kScratch - used_);
  tail.put(body);
  commit(tail);
  octets = Text(octets.data(), octets.size() + body.size());
  body = Text();
  return octets;
}

Text Outbox::copied(Text octets) noexcept {
  if (octets.size() > kScratch) return Text();
  Writer out = scratch(octets.size());
  out.put(octets);
  return commit(out);
}

void Outbox::flush() noexcept {
  for (DatagramQueue& queue : datagrams_)
    if (queue.fd() >= 0) queue.flush(counters_);
  streams_.flush();
  used_ = 0;
}

}  // namespace sluice
