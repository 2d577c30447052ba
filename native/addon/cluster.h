// What the shards of one process share: their rings and the descriptors that wake them. Lives until the process ends.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "core/base/ring.h"

namespace sluice {

struct Cluster {
  std::vector<std::unique_ptr<Ring>> rings;
  std::vector<int> wakes;
};

// createCluster(shards: number, ringOctets: number): number, the id for ShardConfig.cluster
Napi::Value create_cluster(const Napi::CallbackInfo& info);

std::shared_ptr<Cluster> find_cluster(uint32_t id);

}  // namespace sluice
