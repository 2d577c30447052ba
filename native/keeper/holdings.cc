#include "holdings.h"

#include <unistd.h>

#include <cstring>
#include <utility>

namespace sluice {
namespace {

constexpr uint32_t kMostParts = 2 * kMostKeptShards;

}  // namespace

Holdings::~Holdings() { forget(); }

void Holdings::forget() {
  close_all(will_);
  close_all(draft_);
  for (Shard& shard : shards_) {
    drop_all(shard);
    if (shard.memory >= 0) close(shard.memory);
  }
  shards_.clear();
}

void Holdings::close_all(std::vector<Part>& parts) {
  for (const Part& part : parts)
    for (const int fd : part.descriptors) close(fd);
  parts.clear();
}

Holdings::Shard& Holdings::shard_of(uint32_t number) {
  if (number >= shards_.size()) shards_.resize(number + 1);
  return shards_[number];
}

void Holdings::take(const KeeperHead& head, Text rest, const int* descriptors, size_t count) {
  size_t taken = 0;
  const bool has_places = head.count <= DescriptorChannel::kMostDescriptors && rest.size() == head.count * sizeof(KeptPlace);
  KeptPlace places[DescriptorChannel::kMostDescriptors];
  if (has_places && head.count > 0) std::memcpy(places, rest.data(), rest.size());
  if (head.word == KeeperWord::will) {
    take_will(head, rest, descriptors, count);
    taken = count;
  } else if (head.shard < kMostKeptShards) {
    switch (head.word) {
      case KeeperWord::memory:
        if (count == 1) take_memory(head, descriptors[taken++]);
        break;
      case KeeperWord::keep:
        if (!has_places || count != head.count) break;
        for (; taken < count; ++taken) keep(shard_of(head.shard), places[taken], descriptors[taken]);
        break;
      case KeeperWord::drop:
        for (size_t i = 0; has_places && i < head.count; ++i) drop(shard_of(head.shard), places[i]);
        break;
      case KeeperWord::end: drop_all(shard_of(head.shard)); break;
      default: break;
    }
  }
  for (; taken < count; ++taken) close(descriptors[taken]);
}

// In force when it is whole.
void Holdings::take_will(const KeeperHead& head, Text text, const int* descriptors, size_t count) {
  if (head.shard == 0) close_all(draft_);
  draft_.push_back({std::string(text), std::vector<int>(descriptors, descriptors + count)});
  if (head.shard + 1 != draft_.size() || head.count > kMostParts) return close_all(draft_);
  if (draft_.size() < head.count) return;
  will_.swap(draft_);
  close_all(draft_);
}

void Holdings::take_memory(const KeeperHead& head, int descriptor) {
  Shard& shard = shard_of(head.shard);
  if (head.count == 0) drop_all(shard);
  if (shard.memory >= 0) close(shard.memory);
  shard.memory = descriptor;
}

void Holdings::keep(Shard& shard, const KeptPlace& place, int descriptor) {
  if (place.slot == 0 || place.slot >= kMostSlots) return void(close(descriptor));
  if (place.slot >= shard.held.size()) shard.held.resize(size_t{place.slot} + place.slot / 2 + 64);
  Held& held = shard.held[place.slot];
  if (held.fd >= 0) close(held.fd);
  else ++connections_;
  held = {place.generation, descriptor};
}

void Holdings::drop(Shard& shard, const KeptPlace& place) {
  if (place.slot >= shard.held.size()) return;
  Held& held = shard.held[place.slot];
  if (held.fd < 0 || held.generation != place.generation) return;
  close(std::exchange(held.fd, -1));
  --connections_;
}

void Holdings::drop_all(Shard& shard) {
  for (const Held& held : shard.held) {
    if (held.fd < 0) continue;
    close(held.fd);
    --connections_;
  }
  shard.held.clear();
}

int Holdings::give_will(DescriptorChannel& channel, KeeperDeath death) const {
  death.head.word = KeeperWord::death;
  death.head.count = static_cast<uint32_t>(will_.size());
  int error = channel.send(message_of(death), nullptr, 0);
  for (const Part& part : will_) {
    if (error != 0) break;
    error = channel.send(part.text, part.descriptors.data(), part.descriptors.size());
  }
  return error;
}

int Holdings::give_flows(DescriptorChannel& channel) const {
  int error = 0;
  for (uint32_t number = 0; number < shards_.size() && error == 0; ++number) error = give_shard(channel, number);
  const KeeperHead over{KeeperWord::over, 0, 0, getpid()};
  return error != 0 ? error : channel.send(message_of(over), nullptr, 0);
}

int Holdings::give_shard(DescriptorChannel& channel, uint32_t number) const {
  const Shard& shard = shards_[number];
  if (shard.memory < 0) return 0;
  struct {
    KeeperHead head;
    KeptPlace places[DescriptorChannel::kMostDescriptors];
  } message;
  message.head = {KeeperWord::memory, number, 0, getpid()};
  int error = channel.send(message_of(message, sizeof(KeeperHead)), &shard.memory, 1);
  message.head.word = KeeperWord::keep;
  int descriptors[DescriptorChannel::kMostDescriptors];
  const auto give = [&] {
    if (error == 0 && message.head.count > 0) error = channel.send(message_of(message, sizeof(KeeperHead) + message.head.count * sizeof(KeptPlace)), descriptors, message.head.count);
    message.head.count = 0;
  };
  for (uint32_t slot = 0; slot < shard.held.size() && error == 0; ++slot) {
    if (shard.held[slot].fd < 0) continue;
    message.places[message.head.count] = {slot, shard.held[slot].generation};
    descriptors[message.head.count++] = shard.held[slot].fd;
    if (message.head.count == DescriptorChannel::kMostDescriptors) give();
  }
  give();
  return error;
}

}  // namespace sluice
