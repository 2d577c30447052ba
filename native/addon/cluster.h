// What the shards of one process share: their sockets, their rings, the descriptors that wake them, what each source holds, and the memory
// of logins. Lives until its service is closed.
#pragma once

#include <napi.h>

#include <cstring>
#include <future>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "core/base/meeting.h"
#include "core/base/recent_set.h"
#include "core/base/ring.h"
#include "core/base/wall_ms.h"
#include "core/flow/flow_commons.h"
#include "core/home/login_guard.h"
#include "core/home/nonce_table.h"
#include "core/shard/moving_flow.h"
#include "core/transport/listener_sockets.h"
#include "core/transport/tls_session.h"

namespace sluice {

inline SipKey sip_key_of(const uint8_t octets[16]) noexcept {
  SipKey key;
  std::memcpy(&key, octets, sizeof key);
  return key;
}

// What the keeper holds, or why that did not come; an errno.
struct FetchedFlows {
  std::vector<LeftFlows> left;
  int error = 0;
};

struct Cluster {
  static constexpr size_t kSeedOctets = 96;
  // `seed`: kSeedOctets random octets.
  explicit Cluster(const uint8_t* seed) : flows(sip_key_of(seed + 80)), nonces(seed, wall_ms()), guard(sip_key_of(seed + 64)) {}
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  std::vector<std::unique_ptr<Ring>> rings;
  std::vector<int> wakes;
  ListenerSockets sockets;
  FlowCommons flows;
  NonceTable nonces;
  LoginGuard guard;
  RecentSet silences;     // ways to a device that stayed silent recently
  int keeper = -1;        // channel to it; -1: there is none
  std::future<FetchedFlows> fetching;
  std::vector<LeftFlows> left;  // by a process that crashed, of each shard
  LeftFlows take_left(size_t shard) { return shard < left.size() ? std::exchange(left[shard], LeftFlows()) : LeftFlows(); }
  Meeting stop;           // where the shards wait until all have stopped, before another process takes over

  // What logins have left, for the successor of this process. `all`: ahead, while the shards run; and with all of them at rest what has come since.
  void freeze_logins(ImageWriter& image, bool all);
  // nullptr, or why it cannot take over.
  const char* adopt_logins(Text octets);

  // Certificates and authorities, read once for all shards.
  std::shared_ptr<TlsProvider> tls() {
    const std::lock_guard<std::mutex> guard(tls_lock_);
    return tls_;
  }
  void set_tls(std::shared_ptr<TlsProvider> tls) {
    const std::lock_guard<std::mutex> guard(tls_lock_);
    tls_ = std::move(tls);
  }

 private:
  std::mutex tls_lock_;
  std::shared_ptr<TlsProvider> tls_;
};

// createCluster(shards: number, ringOctets: number, listeners: ShardListener[], seed: Uint8Array, sockets?: number[][]): number, the id for
// ShardConfig.cluster, or {errno, shard, listener} for one that cannot be opened. `sockets`: those that the process before had open.
Napi::Value create_cluster(const Napi::CallbackInfo& info);
// closeCluster(cluster: number): after the end of its shards
Napi::Value close_cluster(const Napi::CallbackInfo& info);
// stopAccepting(cluster: number)
Napi::Value stop_accepting(const Napi::CallbackInfo& info);

// startAccepting(cluster: number)
Napi::Value start_accepting(const Napi::CallbackInfo& info);
// setTls(cluster: number, material: TlsMaterial): undefined, or the reason why the previous certificates stay in force
Napi::Value set_tls(const Napi::CallbackInfo& info);
// setNonceKeys(cluster: number, keys: Uint8Array[]): the first one signs
Napi::Value set_nonce_keys(const Napi::CallbackInfo& info);
// flowOwners(cluster: number): {known, octets, forgotten}
Napi::Value flow_owners(const Napi::CallbackInfo& info);

// learnPastFlow(cluster: number, boot: number, flow: string, owner: string): boolean
Napi::Value learn_past_flow(const Napi::CallbackInfo& info);

std::shared_ptr<Cluster> find_cluster(uint32_t id);

}  // namespace sluice
