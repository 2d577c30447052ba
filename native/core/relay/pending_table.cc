#include "core/relay/pending_table.h"

#include <bit>
#include <cstring>

#include "core/base/invariant.h"

namespace sluice {

PendingTable::PendingTable(const SipKey& key, uint32_t capacity) noexcept : key_(key), capacity_(capacity), index_(1024, 0) {}

uint64_t PendingTable::key_of(Text branch, Method method) const noexcept {
  // An ACK to a non-2xx belongs to its INVITE; every other method, CANCEL in particular, is a transaction of its own.
  const Method kind = method == Method::ack ? Method::invite : method;
  if (branch.size() < 2 * sizeof(uint64_t)) {
    SipHasher hash(key_);
    hash.add(branch.data(), branch.size());
    hash.add(&kind, sizeof kind);
    return hash.finish();
  }
  // A branch of ours ends with keyed hashes (via_branch.h), so mixing its last octets is enough.
  uint64_t last, before;
  std::memcpy(&last, branch.end() - sizeof last, sizeof last);
  std::memcpy(&before, branch.end() - sizeof last - sizeof before, sizeof before);
  const uint64_t mixed = (last ^ std::rotl(before * 0x9E37'79B9'7F4A'7C15u, 29) ^ (static_cast<uint64_t>(kind) + 1) * 0xD6E8'FEB8'6659'FD93u) * 0xFF51'AFD7'ED55'8CCDu;
  return mixed ^ mixed >> 32;
}

uint32_t PendingTable::find(uint64_t key) noexcept {
  for (uint32_t i = index_[key & (index_.size() - 1)]; i != 0; i = at(i).chain)
    if (at(i).key == key) return i;
  return 0;
}

uint32_t PendingTable::open(uint64_t key) noexcept {
  if (size_ >= capacity_) return 0;
  uint32_t index = free_;
  if (index != 0) {
    free_ = at(index).chain;
  } else {
    index = next_fresh_++;
    if (index >> kSlabBits >= slabs_.size()) slabs_.push_back(std::make_unique<Pending[]>(kSlabSize));
  }
  if (++size_ > index_.size()) grow_index();
  Pending& entry = at(index);
  SLUICE_INVARIANT(entry.timer.prev == 0 && entry.sent == nullptr && entry.answer.empty());
  entry = Pending{};
  entry.key = key;
  uint32_t& bucket = index_[key & (index_.size() - 1)];
  entry.chain = bucket;
  bucket = index;
  return index;
}

void PendingTable::close(uint32_t index, uint32_t* head) noexcept {
  Pending& entry = at(index);
  SLUICE_INVARIANT(entry.timer.prev == 0 && entry.sent == nullptr && entry.answer.empty());
  if (head != nullptr && entry.flow != 0) leave(index, head);
  uint32_t* link = &index_[entry.key & (index_.size() - 1)];
  while (*link != index) link = &at(*link).chain;
  *link = entry.chain;
  entry.chain = free_;
  free_ = index;
  --size_;
}

void PendingTable::wait_on(uint32_t index, uint32_t flow, uint32_t* head) noexcept {
  Pending& entry = at(index);
  entry.flow = flow;
  entry.flow_prev = 0;
  entry.flow_next = *head;
  if (*head != 0) at(*head).flow_prev = index;
  *head = index;
}

void PendingTable::leave(uint32_t index, uint32_t* head) noexcept {
  Pending& entry = at(index);
  if (entry.flow_prev != 0) at(entry.flow_prev).flow_next = entry.flow_next;
  else *head = entry.flow_next;
  if (entry.flow_next != 0) at(entry.flow_next).flow_prev = entry.flow_prev;
  entry.flow = 0;
}

void PendingTable::grow_index() noexcept {
  std::vector<uint32_t> old(index_.size() * 2, 0);
  old.swap(index_);
  for (uint32_t head : old) {
    for (uint32_t i = head; i != 0;) {
      Pending& entry = at(i);
      const uint32_t after = entry.chain;
      uint32_t& bucket = index_[entry.key & (index_.size() - 1)];
      entry.chain = bucket;
      bucket = i;
      i = after;
    }
  }
}

}  // namespace sluice
