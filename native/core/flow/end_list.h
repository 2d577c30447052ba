// The flows that ended last, in a ring that takes memory as it fills.
#pragma once

#include <memory>
#include <new>
#include <vector>

#include "core/base/counters.h"
#include "core/flow/flow_table.h"
#include "core/sip/address.h"

namespace sluice {

struct FlowEnd {
  static constexpr size_t kText = 160;
  Address remote;
  uint16_t listener = 0;
  FlowKind kind = FlowKind::stream;
  Counter why = Counter::flows_closed;
  uint32_t opened = 0;  // tick; UDP: of its first registration
  uint32_t ended = 0;   // tick
  uint32_t messages = 0;
  uint8_t aor_size = 0;
  uint8_t instance_size = 0;
  char text[kText];     // AOR, then instance, of its newest registration
};

class EndList {
 public:
  // `size` and `forgotten` count what it holds and what made room.
  EndList(size_t most, Counters& counters, Counter size, Counter forgotten) noexcept : most_(most), counters_(counters), size_counter_(size), forgotten_counter_(forgotten) {}

  // The place of one more: of the oldest, when there are `most` or no memory for another. nullptr: no memory for the first.
  FlowEnd* next() noexcept {
    if (size_ < most_ && size_ == at_ && (size_ % kChunk != 0 || grow())) {
      ++size_;
      counters_.add(size_counter_);
    } else {
      counters_.add(forgotten_counter_);
    }
    if (size_ == 0) return nullptr;
    if (at_ >= size_) at_ = 0;
    return &place(at_++);
  }

  size_t size() const noexcept { return size_; }
  // `back` 0 is the newest.
  const FlowEnd& newest(size_t back) const noexcept { return const_cast<EndList*>(this)->place((at_ + size_ - 1 - back) % size_); }

 private:
  static constexpr size_t kChunk = 256;

  bool grow() noexcept {
    std::unique_ptr<FlowEnd[]> chunk(new (std::nothrow) FlowEnd[kChunk]);
    if (chunk == nullptr) return false;
    chunks_.push_back(std::move(chunk));
    return true;
  }
  FlowEnd& place(size_t at) noexcept { return chunks_[at / kChunk][at % kChunk]; }

  const size_t most_;
  Counters& counters_;
  const Counter size_counter_, forgotten_counter_;
  size_t size_ = 0;
  size_t at_ = 0;  // of the next one
  std::vector<std::unique_ptr<FlowEnd[]>> chunks_;
};

}  // namespace sluice
