#include "core/shard/crossing.h"

#include <unistd.h>

#include <cstring>

namespace sluice {

Crossing::Crossing(Ground& ground, std::vector<Ring*> rings, std::vector<int> wakes) noexcept
    : counters_(ground.counters), rings_(std::move(rings)), wakes_(std::move(wakes)), shard_(ground.config.shard) {}

bool Crossing::push(uint8_t shard, const RingHead& head, Text octets, Text body) noexcept {
  const iovec parts[3] = {{const_cast<RingHead*>(&head), sizeof head},
                          {const_cast<char*>(octets.data()), octets.size()},
                          {const_cast<char*>(body.data()), body.size()}};
  bool sleeps = false;
  if (!rings_[shard]->push(parts, 3, sleeps)) {
    counters_.add(Counter::ring_full);
    return false;
  }
  counters_.add(Counter::crossed);
  if (sleeps) wake(shard);
  return true;
}

bool Crossing::front(RingHead& head, Text& octets) noexcept {
  size_t size = 0;
  const uint8_t* record = own().front(size);
  if (record == nullptr) return false;
  std::memcpy(&head, record, sizeof head);
  octets = Text(reinterpret_cast<const char*>(record) + sizeof head, size - sizeof head);
  return true;
}

bool Crossing::empty() noexcept {
  size_t size = 0;
  return own().front(size) == nullptr;
}

void Crossing::wake_self() noexcept { wake(shard_); }

void Crossing::woken() noexcept {
  uint64_t count;
  if (read(wakes_[shard_], &count, sizeof count) < 0) return;  // someone has taken it already
}

void Crossing::wake(uint8_t shard) noexcept {
  const uint64_t one = 1;
  if (write(wakes_[shard], &one, sizeof one) < 0) return;  // the counter is full: it wakes up anyway
}

}  // namespace sluice
