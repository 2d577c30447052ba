#include "shard_host.h"

#include <cstring>
#include <utility>

#include "core/base/now_ns.h"
#include "shard_config.h"

namespace sluice {
namespace {

constexpr uint64_t kLongTurnNs = 1'000'000;

}  // namespace

void ShardHost::define(Napi::Env env, Napi::Object exports) {
  exports.Set("Shard", DefineClass(env, "Shard",
                                   {
                                       InstanceMethod<&ShardHost::start>("start"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::next>>("next"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::finish>>("finish"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::forget_verdicts>>("forgetVerdicts"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::message>>("message"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::source>>("source"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::custom_reply>>("customReply"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::set_upstreams>>("setUpstreams"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::set_trusted>>("setTrusted"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::set_keys>>("setKeys"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::use_tls>>("useTls"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::set_upgrade_hook>>("setUpgradeHook"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::alerts>>("alerts"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::stop_accepting>>("stopAccepting"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::start_accepting>>("startAccepting"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::pending>>("pending"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::flows>>("flows"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::survey>>("survey"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::ends>>("ends"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::refusals>>("refusals"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::news>>("news"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::sample>>("sample"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::token>>("token"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::upstreams>>("upstreams"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::set_limits>>("setLimits"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::set_names>>("setNames"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::set_bans>>("setBans"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::set_tap>>("setTap"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::tapped>>("tapped"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::close_flow>>("closeFlow"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::move_out>>("moveOut"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::arrival>>("arrival"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::new_branch>>("newBranch"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::flow_token>>("flowToken"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::neighbour_mark>>("neighbourMark"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::flow_lives>>("flowLives"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::send_to_flow>>("sendToFlow"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::answer_flow>>("answerFlow"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::send_to_address>>("sendToAddress"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::heard_us>>("heardUs"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::refused_binding>>("refusedBinding"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::answer_room>>("answerRoom"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::takes_stream>>("takesStream"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::dial_phone>>("dialPhone"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::is_neighbour>>("isNeighbour"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::core_listener>>("coreListener"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::choose_upstreams>>("chooseUpstreams"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::route_owner>>("routeOwner"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::note_silence>>("noteSilence"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::was_silent>>("wasSilent"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::bind_flow>>("bindFlow"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::note_register>>("noteRegister"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::reserve>>("reserve"),
                                       InstanceMethod<&ShardHost::release>("release"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::flush>>("flush"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::take_events>>("takeEvents"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::serve_registers>>("serveRegisters"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::set_registers>>("setRegisters"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::share_registers>>("shareRegisters"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::set_store_clock>>("setStoreClock"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::answer_registers>>("answerRegisters"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::offer_logins>>("offerLogins"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::check_login>>("checkLogin"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::login_of>>("loginOf"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::serve_requests>>("serveRequests"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::share_requests>>("shareRequests"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::answer_requests>>("answerRequests"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::take_request>>("takeRequest"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::set_requests>>("setRequests"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::learn_ha1s>>("learnHa1s"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::start_ha1s>>("startHa1s"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::wipe_ha1s>>("wipeHa1s"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::announce>>("announce"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::draft>>("draft"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::heard>>("heard"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::rehearse>>("rehearse"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::pause>>("pause"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::hand_over_flows>>("handOver"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::take_over>>("takeOver"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::resume>>("resume"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::settled>>("settled"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::keep_flows>>("keepFlows"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::revive>>("revive"),
                                       InstanceMethod<&ShardHost::call<&ShardHost::release_flows>>("releaseFlows"),
                                       InstanceMethod<&ShardHost::close>("close"),
                                   }));
}

ShardHost::ShardHost(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ShardHost>(info) {
  const auto config = info[0].As<Napi::Object>();
  auto records = info[1].As<Napi::Int32Array>();
  auto verdicts = info[2].As<Napi::Int32Array>();
  const auto counters = info[3].As<Napi::TypedArray>();
  if (records.ElementLength() < k_batch_size * k_record_fields || verdicts.ElementLength() < k_batch_size * k_verdict_fields ||
      counters.ElementLength() < static_cast<size_t>(Counter::count_) || counters.ElementSize() != sizeof(int64_t)) {
    Napi::TypeError::New(info.Env(), "a table of the shard is too small").ThrowAsJavaScriptException();
    return;
  }
  const std::shared_ptr<Cluster> cluster = find_cluster(config.Get("cluster").ToNumber().Uint32Value());
  EdgeConfig edge = read_edge_config(config);
  const uint8_t node = edge.node;
  const uint8_t shard = edge.shard;
  if (!cluster || shard >= cluster->rings.size() || edge.shards != cluster->rings.size() || edge.listeners.size() != cluster->sockets.of(shard).size()) {
    Napi::TypeError::New(info.Env(), "no such cluster, or the shard has no place in it").ThrowAsJavaScriptException();
    return;
  }
  records_ = Napi::Reference<Napi::Int32Array>::New(records, 1);
  verdicts_ = Napi::Reference<Napi::Int32Array>::New(verdicts, 1);
  counters_ = Napi::Reference<Napi::TypedArray>::New(counters, 1);
  void* counter_memory = nullptr;
  napi_get_typedarray_info(info.Env(), counters, nullptr, nullptr, &counter_memory, nullptr, nullptr);
  std::vector<Ring*> rings;
  for (const auto& ring : cluster->rings) rings.push_back(ring.get());
  running_ = new Running();
  running_->cluster = cluster;
  running_->host = this;
  running_->env = info.Env();
  running_->shard = std::make_unique<Shard>(std::move(edge), read_keys(config.Get("keys").As<Napi::Array>(), node), records.Data(), verdicts.Data(),
                                            static_cast<int64_t*>(counter_memory), rings, cluster->wakes, cluster->sockets.of(shard), cluster->flows);
  if (cluster->keeper >= 0) running_->keep_error = running_->shard->keep(cluster->keeper);
}

ShardHost::~ShardHost() {
  if (running_ == nullptr) return;
  running_->host = nullptr;
  if (running_->hook == nullptr && !running_->closing) delete running_;  // never started
}

// start(onBatch, decide?, isFunctionOfRecord?): undefined, or the errno of what failed
Napi::Value ShardHost::start(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (running_ == nullptr || running_->hook != nullptr) return env.Undefined();
  if (const int error = running_->shard->open(); error != 0) return Napi::Number::New(env, error);
  on_batch_ = Napi::Persistent(info[0].As<Napi::Function>());
  if (info[1].IsFunction()) decide_ = Napi::Persistent(info[1].As<Napi::Function>());
  if (!decide_.IsEmpty() && info[2].ToBoolean()) said_ = std::make_unique<VerdictMemory>();
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  running_->loop = loop;
  running_->shard->watch_loop(uv_backend_fd(loop));
  uv_prepare_init(loop, &running_->prepare);
  uv_idle_init(loop, &running_->idle);
  running_->prepare.data = running_->idle.data = running_;
  uv_prepare_start(&running_->prepare, on_prepare);
  // Without this, a worker that ends with an open handle aborts the process.
  napi_add_async_cleanup_hook(env, on_environment_ends, running_, &running_->hook);
  return env.Undefined();
}

// libuv is about to wait, and we wait in its place. Outside this call an idle handle is active, so that libuv polls its descriptor without
// ever waiting.
void ShardHost::on_prepare(uv_prepare_t* prepare) {
  auto* running = static_cast<Running*>(prepare->data);
  if (running->host == nullptr || running->closing || running->frozen) return;
  uv_idle_stop(&running->idle);
  spin(running);
  if (!running->closing && !running->frozen) uv_idle_start(&running->idle, [](uv_idle_t*) {});
}

// Runs turns of the shard until libuv has something to do.
void ShardHost::spin(Running* running) noexcept {
  Shard& shard = *running->shard;
  // libuv has just read the clock. Its timers count in milliseconds, so one that is older than that is read again, and no other.
  uint64_t updated = shard.turn_clock().read();
  for (;;) {
    if (shard.turn_clock().now() - updated >= kMs) {
      uv_update_time(running->loop);
      updated = shard.turn_clock().now();
    }
    // 0: a timer is due, a new descriptor must be watched, a handle is closing, an immediate is waiting, or the loop must stop.
    const int timeout = uv_backend_timeout(running->loop);
    const unsigned count = shard.await(timeout);
    if (count > 0 || !shard.object_events().empty() || running->host->has_lookups()) running->host->hand_over(count);
    // JavaScript may have closed the shard.
    if (running->closing || running->host == nullptr || timeout == 0 || shard.take_loop_ready()) return;
  }
}

// Lets JavaScript decide on the batch. Uses the plain calls of Node-API and checks their results: node-addon-api would end the process when
// JavaScript can no longer run, as is the case once the worker is being stopped.
void ShardHost::hand_over(unsigned count) noexcept {
  if (recall(count)) return running_->shard->execute();
  const napi_env env = running_->env;
  const Napi::HandleScope scope(env);
  napi_value none, argument;
  if (napi_get_undefined(env, &none) != napi_ok || napi_create_uint32(env, count, &argument) != napi_ok) return;
  // Numbers need nothing from the event loop and leave no promises, so they are not decided in a callback.
  bool needs_callback = decide_.IsEmpty() || !running_->shard->object_events().empty();
  if (count > 0 && !decide_.IsEmpty()) {
    Turn& turn = running_->shard->turn();
    napi_value result = nullptr;
    uint32_t left = 0;
    running_->shard->counters().add(Counter::policy_asked, count);
    report(napi_call_function(env, none, decide_.Value(), 1, &argument, &result));
    const bool has_decided = napi_get_value_uint32(env, result, &left) == napi_ok;
    if (has_decided && left > 0) {
      needs_callback |= running_->shard->spread_objects();
    }
    if (has_decided && said_ && running_ != nullptr) said_->learn(turn.record(0), turn.verdict(0), count);
  }
  napi_value global;
  if (needs_callback && napi_get_global(env, &global) == napi_ok) {
    const uint64_t began = now_ns();
    report(napi_make_callback(env, nullptr, global, on_batch_.Value(), 1, &argument, nullptr));
    if (running_ != nullptr) running_->shard->objects_took(now_ns() - began);
  } else if (running_ != nullptr) {
    running_->shard->execute();  // what has thrown may have closed it
  }
  if (running_ != nullptr) ask_stores(true);
}

// Whether the verdicts are known, and nothing else waits for JavaScript.
bool ShardHost::recall(unsigned count) noexcept {
  Shard& shard = *running_->shard;
  if (count == 0 || !said_ || !shard.object_events().empty() || has_lookups()) return false;
  Turn& turn = shard.turn();
  return said_->recall(turn.record(0), turn.verdicts(), count);
}

// What our own code has thrown goes to the worker's uncaughtException. There is no exception when the worker is being stopped.
void ShardHost::report(napi_status status) noexcept {
  const napi_env env = running_->env;
  napi_value error;
  if (status == napi_pending_exception && napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
}

// next(): carries out the verdicts and returns the size of the next batch; 0: nothing is left, or the turn has lasted long enough
Napi::Value ShardHost::next(const Napi::CallbackInfo& info, Shard& shard) {
  shard.execute();
  // Timers and promises are waiting for the end of this turn.
  const bool is_long = shard.turn_clock().elapsed() > kLongTurnNs;
  return Napi::Number::New(info.Env(), is_long ? 0 : shard.collect());
}

// forgetVerdicts(): from now on decide() may say something else about the same record
Napi::Value ShardHost::forget_verdicts(const Napi::CallbackInfo& info, Shard&) {
  if (said_) said_->forget();
  return info.Env().Undefined();
}

// finish(): carries out the verdicts and leaves the rest to the next turn
Napi::Value ShardHost::finish(const Napi::CallbackInfo& info, Shard& shard) {
  shard.execute();
  ask_stores(false);
  return info.Env().Undefined();
}

Napi::Value ShardHost::message(const Napi::CallbackInfo& info, Shard& shard) {
  const Message& message = shard.turn().item(info[0].ToNumber().Uint32Value() % k_batch_size).message;
  return Napi::Buffer<char>::Copy(info.Env(), message.data, message.size);
}

Napi::Value ShardHost::source(const Napi::CallbackInfo& info, Shard& shard) {
  const Source& source = shard.turn().item(info[0].ToNumber().Uint32Value() % k_batch_size).source;
  char ip[kMaxIpText];
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("address", Napi::String::New(info.Env(), ip, format_ip(source.remote, ip)));
  result.Set("port", static_cast<double>(source.remote.port));
  result.Set("listener", static_cast<double>(source.listener));
  return result;
}

// customReply(item, status, reason, headers)
Napi::Value ShardHost::custom_reply(const Napi::CallbackInfo& info, Shard& shard) {
  const std::string reason = info[2].ToString();
  const std::string headers = info[3].ToString();
  CustomReply reply;
  reply.item = info[0].ToNumber().Int32Value();
  reply.status = info[1].ToNumber().Int32Value();
  reply.reason.assign(reason.begin(), reason.end());
  reply.headers.assign(headers.begin(), headers.end());
  shard.turn().add_custom_reply(std::move(reply));
  return info.Env().Undefined();
}

Napi::Value ShardHost::set_upstreams(const Napi::CallbackInfo& info, Shard& shard) {
  shard.set_upstreams(read_upstreams(info[0].As<Napi::Array>()));
  return info.Env().Undefined();
}

Napi::Value ShardHost::set_trusted(const Napi::CallbackInfo& info, Shard& shard) {
  shard.set_trusted(read_trusted(info[0].As<Napi::Array>()));
  return info.Env().Undefined();
}

Napi::Value ShardHost::set_keys(const Napi::CallbackInfo& info, Shard& shard) {
  shard.set_keys(read_keys(info[0].As<Napi::Array>(), shard.node()));
  return info.Env().Undefined();
}

// useTls(): applies what the cluster's setTls() last put in force
Napi::Value ShardHost::use_tls(const Napi::CallbackInfo& info, Shard& shard) {
  shard.set_tls(running_->cluster->tls());
  return info.Env().Undefined();
}

// setUpgradeHook((head, address, port, listener) => undefined | {status, headers})
Napi::Value ShardHost::set_upgrade_hook(const Napi::CallbackInfo& info, Shard& shard) {
  on_upgrade_ = Napi::Persistent(info[0].As<Napi::Function>());
  shard.set_upgrade_gate(this);
  return info.Env().Undefined();
}

UpgradeWord ShardHost::judge(const Upgrade& upgrade, const Address& client, uint16_t listener) noexcept {
  const Napi::Env env(running_->env);
  const Napi::HandleScope scope(env);
  char ip[kMaxIpText];
  const auto address = Napi::String::New(env, ip, format_ip(client, ip));
  const auto head = Napi::String::New(env, upgrade.head.data(), upgrade.head.size());
  const napi_value arguments[] = {head, address, Napi::Number::New(env, client.port), Napi::Number::New(env, listener)};
  UpgradeWord word;
  napi_value said;
  // Not as a callback: the shard is in the middle of a turn, and pending promises might call it.
  if (napi_call_function(env, env.Global(), on_upgrade_.Value(), 4, arguments, &said) != napi_ok) {
    napi_value error;
    napi_get_and_clear_last_exception(env, &error);
    word.status = 500;
  } else if (Napi::Value(env, said).IsObject()) {
    const auto answer = Napi::Object(env, said);
    word.status = answer.Get("status").ToNumber().Int32Value();
    word.headers = answer.Get("headers").ToString();
  }
  return word;
}

Napi::Value ShardHost::alerts(const Napi::CallbackInfo& info, Shard& shard) {
  const Napi::Env env = info.Env();
  std::vector<Alert>& alerts = shard.alerts();
  Napi::Array result = Napi::Array::New(env, alerts.size());
  for (uint32_t i = 0; i < alerts.size(); ++i) {
    const Alert& alert = alerts[i];
    char ip[kMaxIpText];
    Napi::Object one = Napi::Object::New(env);
    one.Set("event", static_cast<double>(alert.event));
    one.Set("address", Napi::String::New(env, ip, format_ip(alert.peer, ip)));
    one.Set("port", static_cast<double>(alert.peer.port));
    one.Set("number", static_cast<double>(alert.number));
    one.Set("sample", Napi::Buffer<char>::Copy(env, alert.sample, alert.sample_size));
    result[i] = one;
  }
  alerts.clear();
  return result;
}

Napi::Value ShardHost::stop_accepting(const Napi::CallbackInfo& info, Shard& shard) {
  shard.stop_accepting();
  return info.Env().Undefined();
}

Napi::Value ShardHost::start_accepting(const Napi::CallbackInfo& info, Shard& shard) {
  shard.start_accepting();
  return info.Env().Undefined();
}

Napi::Value ShardHost::pending(const Napi::CallbackInfo& info, Shard& shard) { return Napi::Number::New(info.Env(), shard.pending()); }

void ShardHost::end(Running* running) {
  if (running->closing) return;
  running->closing = true;
  if (running->host != nullptr) running->host->running_ = nullptr;
  uv_prepare_stop(&running->prepare);
  uv_idle_stop(&running->idle);
  uv_close(reinterpret_cast<uv_handle_t*>(&running->prepare), on_closed);
  uv_close(reinterpret_cast<uv_handle_t*>(&running->idle), on_closed);
}

void ShardHost::on_closed(uv_handle_t* handle) {
  auto* ended = static_cast<Running*>(handle->data);
  if (--ended->handles > 0) return;
  if (ended->hook != nullptr) napi_remove_async_cleanup_hook(ended->hook);
  delete ended;
}

void ShardHost::on_environment_ends(napi_async_cleanup_hook_handle, void* running) { end(static_cast<Running*>(running)); }

Napi::Value ShardHost::close(const Napi::CallbackInfo& info) {
  if (running_ == nullptr) return info.Env().Undefined();
  if (running_->hook != nullptr) end(running_);
  else delete std::exchange(running_, nullptr);  // never started
  return info.Env().Undefined();
}

}  // namespace sluice
