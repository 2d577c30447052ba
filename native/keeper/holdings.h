// What the keeper holds for a server and gives to the next one: descriptors, and texts that it does not read.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "core/transport/descriptor_channel.h"
#include "core/transport/keeper_word.h"

namespace sluice {

class Holdings {
 public:
  Holdings() = default;
  ~Holdings();
  Holdings(const Holdings&) = delete;
  Holdings& operator=(const Holdings&) = delete;

  // A message of a server; the descriptors are ours from now on. Whatever is not as it should be is closed and forgotten.
  void take(const KeeperHead& head, Text rest, const int* descriptors, size_t count);
  // Whatever a server has left is closed.
  void forget();
  // Whether a server was up, so that another one can go on.
  bool has_will() const { return !will_.empty(); }
  size_t connections() const { return connections_; }

  // To the next server. 0 or an errno.
  int give_will(DescriptorChannel& channel, KeeperDeath death) const;
  int give_flows(DescriptorChannel& channel) const;

 private:
  struct Part {
    std::string text;
    std::vector<int> descriptors;
  };
  struct Held {
    uint32_t generation = 0;
    int fd = -1;
  };
  struct Shard {
    int memory = -1;
    std::vector<Held> held;  // by slot
  };

  static constexpr uint32_t kMostSlots = 1u << 24;

  void take_will(const KeeperHead& head, Text text, const int* descriptors, size_t count);
  void take_memory(const KeeperHead& head, int descriptor);
  void keep(Shard& shard, const KeptPlace& place, int descriptor);
  void drop(Shard& shard, const KeptPlace& place);
  void drop_all(Shard& shard);
  Shard& shard_of(uint32_t number);
  static void close_all(std::vector<Part>& parts);
  int give_shard(DescriptorChannel& channel, uint32_t number) const;

  std::vector<Part> will_;
  std::vector<Part> draft_;  // of the next will, until it is whole
  std::vector<Shard> shards_;
  size_t connections_ = 0;
};

}  // namespace sluice
