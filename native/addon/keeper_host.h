// A server and its keeper (core/transport/keeper_word.h). src/process/keeper.ts has the steps.
#pragma once

#include <napi.h>

namespace sluice {

// setKeeper(cluster: number, channel: number): for shards from now on
Napi::Value set_keeper(const Napi::CallbackInfo& info);
// keeperCalls(channel: number): waits for as long as it takes; whether it is this process's turn to serve, or false: the keeper is gone
Napi::Value keeper_calls(const Napi::CallbackInfo& info);
// keeperDeath(channel: number): {pid, status, crashes, since, parts: {text, descriptors}[]}, what the process before left; without parts there was
// none. A negative errno: the keeper does not answer.
Napi::Value keeper_death(const Napi::CallbackInfo& info);
// keeperFetches(cluster: number): asks it for its connections while other things are done; nothing else is heard of it until keeperFlows()
Napi::Value keeper_fetches(const Napi::CallbackInfo& info);
// keeperFlows(cluster: number): an errno; 0: its connections are there, for Shard.revive() and Shard.resume()
Napi::Value keeper_flows(const Napi::CallbackInfo& info);
// keeperWill(channel: number, part: number, parts: number, text: string, descriptors: number[]): an errno, 0: sent
Napi::Value keeper_will(const Napi::CallbackInfo& info);
// keeperFarewell(channel: number): the process ends as it should
Napi::Value keeper_farewell(const Napi::CallbackInfo& info);
// keeperForgets(channel: number): nothing of what the process before left is held any longer
Napi::Value keeper_forgets(const Napi::CallbackInfo& info);
// keeperLives(channel: number): boolean
Napi::Value keeper_lives(const Napi::CallbackInfo& info);

}  // namespace sluice
