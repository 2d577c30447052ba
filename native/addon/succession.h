// How a process hands its descriptors to the one that replaces it, and what it is afterwards. src/process/ has the steps.
#pragma once

#include <napi.h>

namespace sluice {

// socketPair(): [number, number], the two ends of a DescriptorChannel, or an errno
Napi::Value socket_pair(const Napi::CallbackInfo& info);
// sendDescriptors(channel: number, text: string, descriptors: number[]): an errno, 0: sent
Napi::Value send_descriptors(const Napi::CallbackInfo& info);
// receiveDescriptors(channel: number): {text, descriptors}, or a negative errno
Napi::Value receive_descriptors(const Napi::CallbackInfo& info);
// clusterSockets(cluster: number): number[][], the listening sockets of each shard
Napi::Value cluster_sockets(const Napi::CallbackInfo& info);
// sendCommonsAhead(cluster: number, channel: number, isHome: boolean, layout: number): an errno, 0: what the shards have together has gone to the first of the
// other process, and during the stop only what has changed since need follow
Napi::Value send_commons_ahead(const Napi::CallbackInfo& info);
// listenTcp(address: string, port: number): number, a listening socket, or a negative errno
Napi::Value listen_tcp(const Napi::CallbackInfo& info);
// duplicate(descriptor: number): number, another one for the same, or a negative errno
Napi::Value duplicate(const Napi::CallbackInfo& info);
// endWithParent(): SIGTERM comes when the parent ends
Napi::Value end_with_parent(const Napi::CallbackInfo& info);
// passSignals(child: number): those that come from now on go there, and no longer to JavaScript
Napi::Value pass_signals(const Napi::CallbackInfo& info);
// nameHeir(process: number): boolean, whether the parent, which stands in, could be told to pass signals to that one. It answers with SIGURG.
Napi::Value name_heir(const Napi::CallbackInfo& info);
// standIn(): never; after passSignals(). Whoever started this process sees it run for as long as that child or one that replaces the child
// does; the exit status is that of the last one.
Napi::Value stand_in(const Napi::CallbackInfo& info);

}  // namespace sluice
