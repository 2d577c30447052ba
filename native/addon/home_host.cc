// Registrar and home proxy by numbers: what they need to be told by TypeScript, and what they ask of a store that nodes share.
#include "latin1.h"
#include "location.h"
#include "shard_config.h"
#include "shard_host.h"
#include "tls/aes_gcm.h"

namespace sluice {
namespace {

constexpr size_t kGruuKeyOctets = 32;

DigestAlgorithm algorithm_of(const Napi::Value& number) { return number.ToNumber().Uint32Value() == 0 ? DigestAlgorithm::md5 : DigestAlgorithm::sha256; }

// [name, host] []
ServedDomains read_domains(const Napi::Array& from) {
  ServedDomains domains;
  for (uint32_t i = 0; i < from.Length(); ++i) {
    const auto pair = Napi::Value(from[i]).As<Napi::Array>();
    domains.add(Napi::Value(pair[0u]).ToString(), Napi::Value(pair[1u]).ToString());
  }
  return domains;
}

// What a store says of a batch; empty: it did not answer.
Text outcomes_of(const Napi::Value& value) {
  if (!value.IsTypedArray()) return Text();
  const auto octets = value.As<Napi::Uint8Array>();
  return Text(reinterpret_cast<const char*>(octets.Data()), octets.ByteLength());
}

bool put_latin1(napi_env env, Text text, napi_value* out) noexcept { return napi_create_string_latin1(env, text.data(), text.size(), out) == napi_ok; }

}  // namespace

// serveRegisters(location, rows, gruuKey)
Napi::Value ShardHost::serve_registers(const Napi::CallbackInfo& info, Shard& shard) {
  const Napi::Env env = info.Env();
  const auto location = info[0].As<Napi::Object>();
  auto rows = info[1].As<Napi::Int32Array>();
  const auto key = info[2].As<Napi::Uint8Array>();
  const std::shared_ptr<BindingStore>& store = Location::Unwrap(location)->store();
  if (store == nullptr || rows.ElementLength() < k_batch_size * k_register_fields || key.ElementLength() != kGruuKeyOctets) {
    Napi::TypeError::New(env, "a closed store, a table that is too small, or no key").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  registers_ = Napi::Reference<Napi::Int32Array>::New(rows, 1);
  const int64_t offset = location.Get("clockOffset").ToNumber().Int64Value();
  shard.registering().login().use(running_->cluster->nonces, running_->cluster->guard);
  shard.registering().open(store, offset, make_aes_gcm(key.Data()), rows.Data());
  return env.Undefined();
}

// shareRegisters(rows, gruuKey, {node, routeHead, routeTail}, save): save(batch, operations, names)
Napi::Value ShardHost::share_registers(const Napi::CallbackInfo& info, Shard& shard) {
  const Napi::Env env = info.Env();
  auto rows = info[0].As<Napi::Int32Array>();
  const auto key = info[1].As<Napi::Uint8Array>();
  const auto names = info[2].As<Napi::Object>();
  if (rows.ElementLength() < k_batch_size * k_register_fields || key.ElementLength() != kGruuKeyOctets) {
    Napi::TypeError::New(env, "a table that is too small, or no key").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  registers_ = Napi::Reference<Napi::Int32Array>::New(rows, 1);
  on_saves_ = Napi::Persistent(info[3].As<Napi::Function>());
  NodeName node;
  node.name = names.Get("node").ToString();
  node.route_head = names.Get("routeHead").ToString();
  node.route_tail = names.Get("routeTail").ToString();
  shard.registering().login().use(running_->cluster->nonces, running_->cluster->guard);
  shard.registering().open_shared(std::move(node), make_aes_gcm(key.Data()), rows.Data());
  return env.Undefined();
}

// setStoreClock(offset)
Napi::Value ShardHost::set_store_clock(const Napi::CallbackInfo& info, Shard& shard) {
  const int64_t offset = info[0].ToNumber().Int64Value();
  shard.registering().set_clock(offset);
  shard.proxying().set_clock(offset);
  return info.Env().Undefined();
}

// answerRegisters(batch, outcomes | undefined)
Napi::Value ShardHost::answer_registers(const Napi::CallbackInfo& info, Shard& shard) {
  shard.registering().answer_shared(info[0].ToNumber().Uint32Value(), outcomes_of(info[1]));
  shard.settle();
  return info.Env().Undefined();
}

// serveRequests(location, rows)
Napi::Value ShardHost::serve_requests(const Napi::CallbackInfo& info, Shard& shard) {
  const Napi::Env env = info.Env();
  const auto location = info[0].As<Napi::Object>();
  auto rows = info[1].As<Napi::Int32Array>();
  const std::shared_ptr<BindingStore>& store = Location::Unwrap(location)->store();
  if (store == nullptr || rows.ElementLength() < k_batch_size * k_request_fields) {
    Napi::TypeError::New(env, "a closed store, or a table that is too small").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  requests_ = Napi::Reference<Napi::Int32Array>::New(rows, 1);
  shard.proxying().open(store, location.Get("clockOffset").ToNumber().Int64Value(), running_->cluster->silences, rows.Data());
  return env.Undefined();
}

// shareRequests(rows, node, find): find(batch, aors, removals)
Napi::Value ShardHost::share_requests(const Napi::CallbackInfo& info, Shard& shard) {
  const Napi::Env env = info.Env();
  auto rows = info[0].As<Napi::Int32Array>();
  if (rows.ElementLength() < k_batch_size * k_request_fields) {
    Napi::TypeError::New(env, "a table that is too small").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  requests_ = Napi::Reference<Napi::Int32Array>::New(rows, 1);
  on_lookups_ = Napi::Persistent(info[2].As<Napi::Function>());
  shard.proxying().open_shared(info[1].ToString(), running_->cluster->silences, rows.Data());
  return env.Undefined();
}

// answerRequests(batch, outcomes | undefined)
Napi::Value ShardHost::answer_requests(const Napi::CallbackInfo& info, Shard& shard) {
  shard.proxying().answer_shared(info[0].ToNumber().Uint32Value(), outcomes_of(info[1]));
  shard.settle();
  // One whose copy could not be sent asks again.
  ask_stores(false);
  return info.Env().Undefined();
}

// takeRequest(octets, flow, answerFlow, fromCore, wasAnswered, loop, payer, isExempt, aor, instance, life)
Napi::Value ShardHost::take_request(const Napi::CallbackInfo& info, Shard& shard) {
  const auto octets = info[0].As<Napi::Uint8Array>();
  const std::string flow = from_latin1(info[1]), answer_flow = from_latin1(info[2]), aor = from_latin1(info[8]), instance = from_latin1(info[9]), life = from_latin1(info[10]);
  DecidedRequest given;
  given.octets = Text(reinterpret_cast<const char*>(octets.Data()), octets.ByteLength());
  given.flow = flow;
  given.answer_flow = answer_flow;
  given.from_core = info[3].ToBoolean();
  given.was_answered = info[4].ToBoolean();
  given.loop = info[5].ToNumber().Uint32Value();
  parse_ip(from_latin1(info[6]), given.payer);
  given.is_exempt = info[7].ToBoolean();
  given.callee = {aor, instance, life};
  return Napi::Boolean::New(info.Env(), shard.proxying().take_decided(given));
}

// setRequests({domains: [name, host] [], edges, trusted, failoverStatus: number[], timerCMs, silenceMs, keepSeconds})
Napi::Value ShardHost::set_requests(const Napi::CallbackInfo& info, Shard& shard) {
  const auto from = info[0].As<Napi::Object>();
  const auto statuses = from.Get("failoverStatus").As<Napi::Array>();
  ProxySettings settings;
  settings.domains = read_domains(from.Get("domains").As<Napi::Array>());
  settings.edges = read_trusted(from.Get("edges").As<Napi::Array>());
  settings.trusted = read_trusted(from.Get("trusted").As<Napi::Array>());
  for (uint32_t i = 0; i < statuses.Length(); ++i) {
    const uint32_t status = Napi::Value(statuses[i]).ToNumber().Uint32Value();
    if (status < settings.failover.size()) settings.failover.set(status);
  }
  settings.timer_c_ms = from.Get("timerCMs").ToNumber().Uint32Value();
  settings.silence_ms = from.Get("silenceMs").ToNumber().Uint32Value();
  settings.keep_seconds = from.Get("keepSeconds").ToNumber().Uint32Value();
  shard.proxying().configure(std::move(settings));
  return info.Env().Undefined();
}

// setRegisters({domains: [name, host] [], isOpen, maxContacts, maxFlows, keepSeconds, supported})
Napi::Value ShardHost::set_registers(const Napi::CallbackInfo& info, Shard& shard) {
  const auto from = info[0].As<Napi::Object>();
  RegisterSettings settings;
  settings.domains = read_domains(from.Get("domains").As<Napi::Array>());
  settings.is_open = from.Get("isOpen").ToBoolean();
  settings.max_contacts = from.Get("maxContacts").ToNumber().Uint32Value();
  settings.max_flows = from.Get("maxFlows").ToNumber().Uint32Value();
  settings.keep_seconds = from.Get("keepSeconds").ToNumber().Uint32Value();
  settings.supported = from.Get("supported").ToString();
  shard.registering().configure(std::move(settings));
  return info.Env().Undefined();
}

// offerLogins(nonceLifeMs, algorithms)
Napi::Value ShardHost::offer_logins(const Napi::CallbackInfo& info, Shard& shard) {
  const auto algorithms = info[1].As<Napi::Array>();
  LoginSettings settings;
  settings.nonce_life = static_cast<uint64_t>(info[0].ToNumber().Int64Value());
  for (uint32_t i = 0; i < algorithms.Length(); ++i) settings.offered.push_back(algorithm_of(Napi::Value(algorithms[i])));
  shard.registering().login().configure(std::move(settings));
  return info.Env().Undefined();
}

// checkLogin(item)
Napi::Value ShardHost::check_login(const Napi::CallbackInfo& info, Shard& shard) {
  const uint32_t item = info[0].ToNumber().Uint32Value() % k_batch_size;
  const bool is_register = shard.turn().item(item).message.method == sluice::Method::register_;
  return Napi::Number::New(info.Env(), static_cast<int32_t>(is_register ? shard.registering().check_login(item) : shard.proxying().check_login(item)));
}

// loginOf(item): {user, realm, algorithm}, or undefined
Napi::Value ShardHost::login_of(const Napi::CallbackInfo& info, Shard& shard) {
  DigestCredentials credentials;
  if (!read_credentials(shard.turn().item(info[0].ToNumber().Uint32Value() % k_batch_size).message, credentials)) return info.Env().Undefined();
  auto login = Napi::Object::New(info.Env());
  login.Set("user", to_latin1(info.Env(), credentials.user));
  login.Set("realm", to_latin1(info.Env(), credentials.realm));
  login.Set("algorithm", static_cast<uint32_t>(credentials.algorithm));
  return login;
}

// learnHa1s(lines, seconds)
Napi::Value ShardHost::learn_ha1s(const Napi::CallbackInfo& info, Shard& shard) {
  shard.registering().login().learn(from_latin1(info[0]), info[1].ToNumber().Uint32Value());
  return info.Env().Undefined();
}

// wipeHa1s(): true: something is left
Napi::Value ShardHost::wipe_ha1s(const Napi::CallbackInfo& info, Shard& shard) {
  return Napi::Boolean::New(info.Env(), shard.registering().login().ha1s().wipe());
}

// startHa1s(count)
Napi::Value ShardHost::start_ha1s(const Napi::CallbackInfo& info, Shard& shard) {
  return Napi::Boolean::New(info.Env(), shard.registering().login().ha1s().start_over(info[0].ToNumber().Uint32Value()));
}

// What the batch needs of the store that nodes share. From within a callback that happens before its promises go on, so that no REGISTER of
// the object path overtakes those of the batch.
void ShardHost::ask_stores(bool as_callback) noexcept {
  const napi_env env = running_->env;
  napi_value arguments[3];
  if (!on_saves_.IsEmpty() && running_->shard->registering().shared()->has_new()) {
    const SharedRegisters::Batch batch = running_->shard->registering().shared()->take();
    void* copied = nullptr;
    if (napi_create_uint32(env, batch.number, &arguments[0]) == napi_ok && napi_create_buffer_copy(env, batch.saves.size(), batch.saves.data(), &copied, &arguments[1]) == napi_ok &&
        put_latin1(env, batch.names, &arguments[2]))
      tell(on_saves_, arguments, as_callback);
  }
  // What was told may have closed the shard.
  if (running_ == nullptr || !has_lookups()) return;
  const SharedLookups::Batch batch = running_->shard->proxying().shared()->take();
  if (napi_create_uint32(env, batch.number, &arguments[0]) == napi_ok && put_latin1(env, batch.aors, &arguments[1]) && put_latin1(env, batch.removals, &arguments[2]))
    tell(on_lookups_, arguments, as_callback);
}

bool ShardHost::has_lookups() const noexcept { return !on_lookups_.IsEmpty() && running_->shard->proxying().shared()->has_new(); }

void ShardHost::tell(const Napi::FunctionReference& listener, napi_value (&arguments)[3], bool as_callback) noexcept {
  const napi_env env = running_->env;
  napi_value global;
  if (napi_get_global(env, &global) != napi_ok) return;
  report(as_callback ? napi_make_callback(env, nullptr, global, listener.Value(), 3, arguments, nullptr) : napi_call_function(env, global, listener.Value(), 3, arguments, nullptr));
}

}  // namespace sluice
