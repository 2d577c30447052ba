#include "core/flow/unsent_queue.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr size_t kMost = BufferPool::kLargest - sizeof(FlowBuffer);

}  // namespace

// Adds a buffer after the last one. Buffers grow with the queue: a short queue stays small, a long one needs few of them.
FlowBuffer* UnsentQueue::extend(BufferPool& pool, size_t octets) noexcept {
  const size_t usual = last_ == nullptr ? 0 : size_t{last_->capacity} * 2;
  FlowBuffer* buffer = borrow(pool, std::min(kMost, std::max(octets, usual)));
  if (buffer == nullptr && usual > octets) buffer = borrow(pool, octets);
  if (buffer == nullptr) return nullptr;
  if (last_ == nullptr) first_ = buffer;
  else last_->next = buffer;
  last_ = buffer;
  return buffer;
}

bool UnsentQueue::append(BufferPool& pool, const iovec* parts, size_t count) noexcept {
  size_t total = 0;
  for (size_t i = 0; i < count; ++i) total += parts[i].iov_len;
  if (total == 0) return true;
  FlowBuffer* const last_before = last_;
  const uint32_t size_before = last_ == nullptr ? 0 : last_->size;
  size_t left = total;
  FlowBuffer* into = last_;
  if (into == nullptr || into->capacity - into->size < std::min(total, kMost)) into = extend(pool, std::min(total, kMost));
  for (size_t i = 0; i < count && into != nullptr; ++i) {
    Text rest(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
    while (!rest.empty() && into != nullptr) {
      const size_t step = std::min<size_t>(rest.size(), into->capacity - into->size);
      rest.copy(into->data() + into->size, step);
      into->size += static_cast<uint32_t>(step);
      rest.remove_prefix(step);
      left -= step;
      if (!rest.empty() || (left > 0 && into->size == into->capacity)) into = extend(pool, std::min(left, kMost));
    }
  }
  if (left > 0 || into == nullptr) {
    // All or nothing: a truncated message is worse than none.
    FlowBuffer* extra = last_before == nullptr ? first_ : last_before->next;
    while (extra != nullptr) {
      FlowBuffer* after = extra->next;
      give_back(pool, extra);
      extra = after;
    }
    last_ = last_before;
    if (last_ == nullptr) {
      first_ = nullptr;
    } else {
      last_->next = nullptr;
      last_->size = size_before;
    }
    return false;
  }
  first_->queued += static_cast<uint32_t>(total);
  return true;
}

size_t UnsentQueue::gather(iovec* parts, size_t most) const noexcept {
  size_t count = 0;
  for (FlowBuffer* buffer = first_; buffer != nullptr && count < most; buffer = buffer->next) {
    const Text text = buffer->text();
    if (!text.empty()) parts[count++] = {const_cast<char*>(text.data()), text.size()};
  }
  return count;
}

void UnsentQueue::consume(BufferPool& pool, size_t octets) noexcept {
  while (first_ != nullptr) {
    const size_t there = first_->size - first_->done;
    const size_t step = std::min(there, octets);
    first_->done += static_cast<uint32_t>(step);
    first_->queued -= static_cast<uint32_t>(step);
    octets -= step;
    if (step < there) return;
    FlowBuffer* after = first_->next;
    if (after != nullptr) after->queued = first_->queued;
    give_back(pool, first_);
    first_ = after;
  }
  last_ = nullptr;
}

void UnsentQueue::clear(BufferPool& pool) noexcept { consume(pool, octets()); }

}  // namespace sluice
