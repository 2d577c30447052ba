#include "logins.h"

#include "core/base/wall_ms.h"

namespace sluice {
namespace {

uint32_t now_seconds() noexcept { return static_cast<uint32_t>(wall_ms() / 1'000); }

// Text that is not an address becomes one that no client has.
Address address_of(const Napi::Value& value) {
  Address address;
  parse_ip(value.ToString().Utf8Value(), address);
  return address;
}

}  // namespace

void Logins::define(Napi::Env env, Napi::Object exports) {
  exports.Set("Logins", DefineClass(env, "Logins",
                                    {
                                        InstanceMethod<&Logins::make_nonce>("makeNonce"),
                                        InstanceMethod<&Logins::is_fresh>("isFresh"),
                                        InstanceMethod<&Logins::use_nonce>("useNonce"),
                                        InstanceMethod<&Logins::may_try>("mayTry"),
                                        InstanceMethod<&Logins::failed>("failed"),
                                        InstanceMethod<&Logins::proved>("proved"),
                                        InstanceMethod<&Logins::counts>("counts"),
                                    }));
}

// new Logins(cluster)
Logins::Logins(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Logins>(info), cluster_(find_cluster(info[0].ToNumber().Uint32Value())) {
  if (!cluster_) Napi::TypeError::New(info.Env(), "there is no such cluster").ThrowAsJavaScriptException();
}

// makeNonce(realm, address)
Napi::Value Logins::make_nonce(const Napi::CallbackInfo& info) {
  char text[kNonceText];
  const std::string realm = info[0].ToString();
  cluster_->nonces.make(realm, address_of(info[1]), wall_ms(), text);
  return Napi::String::New(info.Env(), text, sizeof text);
}

// isFresh(nonce, realm, address, lifeMs)
Napi::Value Logins::is_fresh(const Napi::CallbackInfo& info) {
  const std::string nonce = info[0].ToString();
  const std::string realm = info[1].ToString();
  const auto life = static_cast<uint64_t>(info[3].ToNumber().Int64Value());
  return Napi::Boolean::New(info.Env(), cluster_->nonces.is_fresh(nonce, realm, address_of(info[2]), wall_ms(), life));
}

// useNonce(nonce, user, count)
Napi::Value Logins::use_nonce(const Napi::CallbackInfo& info) {
  const std::string nonce = info[0].ToString();
  const std::string user = info[1].ToString();
  return Napi::Boolean::New(info.Env(), cluster_->nonces.use(nonce, user, info[2].ToNumber().Uint32Value()));
}

// mayTry(address, user)
Napi::Value Logins::may_try(const Napi::CallbackInfo& info) {
  const std::string user = info[1].ToString();
  return Napi::Boolean::New(info.Env(), cluster_->guard.may_try(address_of(info[0]), user, now_seconds()));
}

Napi::Value Logins::failed(const Napi::CallbackInfo& info) {
  const std::string user = info[1].ToString();
  cluster_->guard.failed(address_of(info[0]), user, now_seconds());
  return info.Env().Undefined();
}

Napi::Value Logins::proved(const Napi::CallbackInfo& info) {
  const std::string user = info[1].ToString();
  cluster_->guard.proved(address_of(info[0]), user, now_seconds());
  return info.Env().Undefined();
}

// counts(): {held, evicted}
Napi::Value Logins::counts(const Napi::CallbackInfo& info) {
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("held", static_cast<double>(cluster_->nonces.held()));
  result.Set("evicted", static_cast<double>(cluster_->nonces.evicted()));
  return result;
}

}  // namespace sluice
