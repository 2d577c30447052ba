// What a server and its keeper tell each other over their channel (descriptor_channel.h), one word a message. The keeper (native/keeper) holds what
// it is given and understands nothing of it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice {

enum class KeeperWord : uint32_t {
  // From the server.
  will = 1,    // part `shard` of `count`: what the next process needs to be like this one, with descriptors
  memory = 2,  // of the flows of a shard, a descriptor. `count` 0: it is a new shard, and has none of the flows so far
  keep = 3,    // `count` connections of a shard, each a KeptPlace and a descriptor
  drop = 4,    // `count` connections of a shard that have ended, each a KeptPlace
  end = 5,     // a shard has ended, and its connections with it
  left = 6,    // another process has taken over from this one
  farewell = 7,  // the server ends, as it was told to
  forget = 10,   // it cannot go on with anything that the one before has left
  ask_will = 8,   // what did the process before leave?
  ask_flows = 9,  // and its connections?
  // From the keeper.
  death = 16,  // KeeperDeath, and then as many parts of a will as `count` says
  over = 17,   // these were all
  serve = 18,  // to a standby: the server has crashed, and it is its turn
};

struct KeeperHead {
  KeeperWord word;
  uint32_t shard;
  uint32_t count;
  int32_t pid;  // whose word it is
};

struct KeptPlace {
  uint32_t slot;
  uint32_t generation;
};

// How the process before ended; `count` parts of its will are 0 if there was none.
struct KeeperDeath {
  KeeperHead head;
  int32_t status;     // as waitpid(2) reports it; -1: unknown
  uint32_t crashes;   // so far
  uint64_t at_ns;     // CLOCK_MONOTONIC: since when nobody has served
};

constexpr uint32_t kMostKeptShards = 64;  // FlowName::shard has six bits
constexpr size_t kMostWillOctets = 64 << 10;
constexpr int kKeeperChannel = 5;         // descriptor of the channel in a server
constexpr const char* kKeeperVariable = "KEEPER_CHANNEL";
constexpr const char* kStandbyVariable = "KEEPER_STANDBY";  // set in a server that waits until the first one has crashed

}  // namespace sluice
