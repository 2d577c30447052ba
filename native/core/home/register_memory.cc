#include "core/home/register_memory.h"

#include <algorithm>
#include <bit>

namespace sluice {
namespace {

// Layouts of images.
constexpr uint32_t kGrantedSince = 2;
constexpr uint32_t kRefusedSince = 3;

}  // namespace

RegisterMemory::RegisterMemory(uint32_t capacity) noexcept : sets_(std::bit_ceil(std::clamp(capacity / kWays, 16u, 1u << 20))) {}

const RegisterMemory::Entry* RegisterMemory::entry_of(uint64_t transaction, uint32_t now) const noexcept {
  if (memory_ == nullptr) return nullptr;
  for (const Entry& entry : set_of(transaction).entries)
    if (entry.transaction == transaction && !is_over(entry, now)) return &entry;
  return nullptr;
}

RegisterState RegisterMemory::find(uint64_t transaction, uint32_t now) const noexcept {
  const Entry* const entry = entry_of(transaction, now);
  return entry == nullptr ? RegisterState::open : entry->state;
}

RegisterGranted RegisterMemory::granted(uint64_t transaction, uint32_t now) const noexcept {
  const Entry* const entry = entry_of(transaction, now);
  return entry == nullptr ? RegisterGranted() : RegisterGranted{entry->grants, entry->flow_timer};
}

void RegisterMemory::remember(uint64_t transaction, RegisterState state, uint32_t now, uint32_t ends, const RegisterGranted& granted) noexcept {
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
  constexpr uint32_t kGrants = kGrant_outbound | kGrant_require_outbound | kGrant_gruu, kLongest = (1u << 24) - 1;
  place->transaction = transaction;
  place->ends = ends;
  place->state = state;
  place->grants = granted.grants & kGrants & 15u;
  place->flow_timer = std::min(granted.flow_timer, kLongest) & kLongest;
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
      if (is_over(entry, now) || entry.state == RegisterState::waiting || (entry.state == RegisterState::refused && image.version() < kRefusedSince)) continue;
      image.fields(entry.transaction, entry.ends, RegisterState{entry.state});
      if (image.version() >= kGrantedSince) image.fields(static_cast<uint8_t>(entry.grants), uint32_t{entry.flow_timer});
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
    uint8_t grants = 0;
    RegisterGranted granted;
    if (image.version() >= kGrantedSince) image.fields(grants, granted.flow_timer);
    granted.grants = grants;
    const bool is_refused = state == RegisterState::refused && image.version() >= kRefusedSince && granted.flow_timer >= 400 && granted.flow_timer < 700;
    image.expect(state == RegisterState::answered || state == RegisterState::held || is_refused, "what became of a REGISTER is unknown");
    if (!image.good()) return;
    remember(transaction, state, now, ends, granted);
  }
}

}  // namespace sluice
