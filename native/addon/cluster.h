// What the shards of one process share: their sockets, their rings, the descriptors that wake them, and what each source holds. Lives until the
// process ends.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "core/base/recent_set.h"
#include "core/base/ring.h"
#include "core/flow/flow_owners.h"
#include "core/flow/source_shares.h"
#include "core/transport/listener_sockets.h"

namespace sluice {

struct Cluster {
  std::vector<std::unique_ptr<Ring>> rings;
  std::vector<int> wakes;
  ListenerSockets sockets;
  SourceShares shares;
  FlowOwners owners;      // who registered over a flow
  RecentSet silences;     // ways to a device that stayed silent a moment ago

  Cluster();
};

// createCluster(shards: number, ringOctets: number, listeners: ShardListener[]): number, the id for ShardConfig.cluster, or {errno, listener} when
// one cannot be had
Napi::Value create_cluster(const Napi::CallbackInfo& info);
// stopAccepting(cluster: number)
Napi::Value stop_accepting(const Napi::CallbackInfo& info);

std::shared_ptr<Cluster> find_cluster(uint32_t id);

}  // namespace sluice
