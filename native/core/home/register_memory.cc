#include "core/home/register_memory.h"

#include <algorithm>
#include <bit>

namespace sluice {

RegisterMemory::RegisterMemory(uint32_t capacity) noexcept : sets_(std::bit_ceil(std::clamp(capacity / kWays, 16u, 1u << 20))) {}

RegisterState RegisterMemory::find(uint64_t transaction, uint32_t now) const noexcept {
  if (memory_ == nullptr) return RegisterState::open;
  for (const Entry& entry : set_of(transaction).entries)
    if (entry.transaction == transaction && !is_over(entry, now)) return entry.state;
  return RegisterState::open;
}

void RegisterMemory::remember(uint64_t transaction, RegisterState state, uint32_t now, uint32_t ends) noexcept {
  if (memory_ == nullptr) {
    memory_ = zeroed<Set>(sets_);
    prefer_large_pages(memory_.get(), sets_ * sizeof(Set));
  }
  Entry* place = nullptr;
  for (Entry& entry : set_of(transaction).entries) {
    const bool is_same = entry.transaction == transaction && !is_over(entry, now);
    // Any free entry, else the one that expires first.
    if (is_same || place == nullptr || (!is_over(*place, now) && (is_over(entry, now) || static_cast<int32_t>(entry.ends - place->ends) < 0))) place = &entry;
    if (is_same) break;
  }
  *place = {transaction, ends, state};
}

void RegisterMemory::forget(uint64_t transaction) noexcept {
  if (memory_ == nullptr) return;
  for (Entry& entry : set_of(transaction).entries)
    if (entry.transaction == transaction) entry = {};
}

void RegisterMemory::freeze(ImageWriter& image, uint32_t now) const noexcept {
  const size_t at = image.later();
  uint32_t count = 0;
  for (uint32_t set = 0; memory_ != nullptr && set < sets_; ++set) {
    for (const Entry& entry : memory_[set].entries) {
      if (is_over(entry, now) || entry.state == RegisterState::waiting) continue;
      image.fields(entry.transaction, entry.ends, entry.state);
      ++count;
    }
  }
  image.set(at, count);
}

void RegisterMemory::adopt(ImageReader& image, uint32_t now) noexcept {
  for (uint32_t left = image.count(sizeof(uint64_t) + sizeof(uint32_t)); left > 0; --left) {
    uint64_t transaction = 0;
    uint32_t ends = 0;
    RegisterState state = RegisterState::unread;
    image.fields(transaction, ends, state);
    image.expect(state == RegisterState::answered || state == RegisterState::held, "what became of a REGISTER is unknown");
    if (!image.good()) return;
    remember(transaction, state, now, ends);
  }
}

}  // namespace sluice
