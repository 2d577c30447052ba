#include "core/base/buffer_pool.h"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace sluice {
namespace {

constexpr size_t octets_of_class(size_t size_class) noexcept { return BufferPool::kSmallest << 2 * size_class; }

size_t class_of(size_t octets) noexcept {
  size_t size_class = 0;
  while (octets_of_class(size_class) < octets) ++size_class;
  return size_class;
}

// glibc extends the heap of a thread by no more than it needs at that moment, with a system call for each page or two. What is taken and given
// back stays with the heap, since it is less than what it would return to the system.
void extend_heap() noexcept {
  void* volatile ahead = std::malloc(BufferPool::kAhead);
  std::free(ahead);
}

}  // namespace

BufferPool::~BufferPool() noexcept { shrink(0); }

void* BufferPool::take(size_t octets, size_t& capacity) noexcept {
  if (octets > kLargest) return nullptr;
  const size_t size_class = class_of(octets);
  const size_t size = octets_of_class(size_class);
  if (size > cap_ || lent_ > cap_ - size) return nullptr;
  void* buffer = nullptr;
  if (free_[size_class] != nullptr) {
    buffer = unlink(size_class);
  } else {
    // Idle buffers of other sizes must not keep us from getting one that is needed.
    shrink(cap_ - size - lent_);
    if (size <= kAhead / 8 && taken_ahead_ < size) {
      extend_heap();
      taken_ahead_ = kAhead;
    }
    taken_ahead_ -= std::min(taken_ahead_, size);
    buffer = std::malloc(size);
    if (buffer == nullptr) return nullptr;
  }
  lent_ += size;
  capacity = size;
  return buffer;
}

void BufferPool::give(void* buffer, size_t capacity) noexcept {
  const size_t size_class = class_of(capacity);
  lent_ -= capacity;
  if (idle_ + capacity > max_idle_) {
    std::free(buffer);
    return;
  }
  free_[size_class] = new (buffer) Idle{free_[size_class]};
  idle_ += capacity;
}

void* BufferPool::unlink(size_t size_class) noexcept {
  Idle* buffer = free_[size_class];
  free_[size_class] = buffer->next;
  idle_ -= octets_of_class(size_class);
  return buffer;
}

// Returns idle buffers to the system, largest first, until no more than `octets` are idle.
void BufferPool::shrink(size_t octets) noexcept {
  for (size_t size_class = kClasses; size_class-- > 0;)
    while (idle_ > octets && free_[size_class] != nullptr) std::free(unlink(size_class));
}

}  // namespace sluice
