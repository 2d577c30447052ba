// Registers the exports of the addon; src/native/binding.ts declares them for TypeScript.
#include <napi.h>

#include "cluster.h"
#include "gruus.h"
#include "keeper_host.h"
#include "listener_check.h"
#include "location.h"
#include "process.h"
#include "reader.h"
#include "kept_answers_host.h"
#include "logins.h"
#include "sd_notify.h"
#include "shard_host.h"
#include "succession.h"

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("createCluster", Napi::Function::New(env, sluice::create_cluster));
  exports.Set("closeCluster", Napi::Function::New(env, sluice::close_cluster));
  exports.Set("stopAccepting", Napi::Function::New(env, sluice::stop_accepting));
  exports.Set("startAccepting", Napi::Function::New(env, sluice::start_accepting));
  exports.Set("setTls", Napi::Function::New(env, sluice::set_tls));
  exports.Set("setNonceKeys", Napi::Function::New(env, sluice::set_nonce_keys));
  exports.Set("flowOwners", Napi::Function::New(env, sluice::flow_owners));
  exports.Set("learnPastFlow", Napi::Function::New(env, sluice::learn_past_flow));
  exports.Set("checkListener", Napi::Function::New(env, sluice::check_listener));
  exports.Set("writeNow", Napi::Function::New(env, sluice::write_now));
  exports.Set("exitNow", Napi::Function::New(env, sluice::exit_now));
  exports.Set("become", Napi::Function::New(env, sluice::become));
  exports.Set("imageVersion", Napi::Number::New(env, sluice::kImageVersion));
  exports.Set("socketPair", Napi::Function::New(env, sluice::socket_pair));
  exports.Set("sendDescriptors", Napi::Function::New(env, sluice::send_descriptors));
  exports.Set("receiveDescriptors", Napi::Function::New(env, sluice::receive_descriptors));
  exports.Set("clusterSockets", Napi::Function::New(env, sluice::cluster_sockets));
  exports.Set("sendCommonsAhead", Napi::Function::New(env, sluice::send_commons_ahead));
  exports.Set("listenTcp", Napi::Function::New(env, sluice::listen_tcp));
  exports.Set("duplicate", Napi::Function::New(env, sluice::duplicate));
  exports.Set("endWithParent", Napi::Function::New(env, sluice::end_with_parent));
  exports.Set("passSignals", Napi::Function::New(env, sluice::pass_signals));
  exports.Set("nameHeir", Napi::Function::New(env, sluice::name_heir));
  exports.Set("standIn", Napi::Function::New(env, sluice::stand_in));
  exports.Set("setKeeper", Napi::Function::New(env, sluice::set_keeper));
  exports.Set("keeperCalls", Napi::Function::New(env, sluice::keeper_calls));
  exports.Set("keeperDeath", Napi::Function::New(env, sluice::keeper_death));
  exports.Set("keeperFetches", Napi::Function::New(env, sluice::keeper_fetches));
  exports.Set("keeperFlows", Napi::Function::New(env, sluice::keeper_flows));
  exports.Set("keeperWill", Napi::Function::New(env, sluice::keeper_will));
  exports.Set("keeperFarewell", Napi::Function::New(env, sluice::keeper_farewell));
  exports.Set("keeperForgets", Napi::Function::New(env, sluice::keeper_forgets));
  exports.Set("keeperLives", Napi::Function::New(env, sluice::keeper_lives));
  exports.Set("sdNotify", Napi::Function::New(env, sluice::sd_notify));
  sluice::define_reader(env, exports);
  sluice::Location::define(env, exports);
  sluice::Gruus::define(env, exports);
  sluice::Logins::define(env, exports);
  sluice::KeptAnswersHost::define(env, exports);
  sluice::ShardHost::define(env, exports);
  return exports;
}

NODE_API_MODULE(sluice, init)
