#include "core/shard/crossing.h"

#include <unistd.h>

#include <cstring>

namespace sluice {
namespace {

template <typename Image, typename Head>
void describe_record(Image& image, Head& head) noexcept {
  image.fields(head.kind, head.final, head.slot, head.generation);
  describe_source(image, head.source);
}

}  // namespace

Crossing::Crossing(Ground& ground, std::vector<Ring*> rings, std::vector<int> wakes) noexcept
    : counters_(ground.counters), kept_(ground.kept), rings_(std::move(rings)), wakes_(std::move(wakes)), shard_(ground.config.shard), config_(ground.config) {}

bool Crossing::push(uint8_t shard, const RingHead& head, Text octets, Text body) noexcept {
  const iovec parts[3] = {{const_cast<RingHead*>(&head), sizeof head},
                          {const_cast<char*>(octets.data()), octets.size()},
                          {const_cast<char*>(body.data()), body.size()}};
  bool sleeps = false;
  if (!rings_[shard]->push(parts, 3, sleeps)) {
    counters_.add(Counter::ring_full);
    return false;
  }
  kept_.has_handed(++handed_);
  counters_.add(Counter::crossed);
  if (sleeps) wake(shard);
  return true;
}

bool Crossing::push_message(uint8_t shard, const Source& source, Text octets, bool admitted) noexcept {
  RingHead head{};
  head.kind = RingHead::message;
  head.final = admitted;
  head.source = source;
  return push(shard, head, octets);
}

bool Crossing::front(RingHead& head, Text& octets) noexcept {
  size_t size = 0;
  const uint8_t* record = own().front(size);
  if (record == nullptr) return false;
  std::memcpy(&head, record, sizeof head);
  octets = Text(reinterpret_cast<const char*>(record) + sizeof head, size - sizeof head);
  return true;
}

void Crossing::freeze(ImageWriter& image) noexcept {
  const size_t at = image.later();
  uint32_t records = 0;
  own().each([&](const uint8_t* record, size_t size) {
    RingHead head;
    std::memcpy(&head, record, sizeof head);
    describe_record(image, head);
    image.text(Text(reinterpret_cast<const char*>(record) + sizeof head, size - sizeof head));
    ++records;
  });
  image.set(at, records);
}

void Crossing::adopt(ImageReader& image) noexcept {
  for (uint32_t left = image.count(sizeof(uint32_t)); left > 0 && image.good(); --left) {
    RingHead head{};
    describe_record(image, head);
    const Text octets = image.text();
    image.expect(head.kind <= RingHead::send_failed && is_in_range(config_, head.source), "a message between shards is out of range");
    if (image.good() && !push(shard_, head, octets)) image.fail("its messages between shards find no room in the ring");
  }
}

void Crossing::discard() noexcept {
  RingHead head;
  for (Text octets; front(head, octets);) pop();
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
