// Digest logins and limits on guessing, for the object path.
#pragma once

#include <napi.h>

#include <memory>

#include "cluster.h"

namespace sluice {

class Logins : public Napi::ObjectWrap<Logins> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  explicit Logins(const Napi::CallbackInfo& info);

 private:
  Napi::Value make_nonce(const Napi::CallbackInfo& info);
  Napi::Value is_fresh(const Napi::CallbackInfo& info);
  Napi::Value use_nonce(const Napi::CallbackInfo& info);
  Napi::Value may_try(const Napi::CallbackInfo& info);
  Napi::Value failed(const Napi::CallbackInfo& info);
  Napi::Value proved(const Napi::CallbackInfo& info);
  Napi::Value counts(const Napi::CallbackInfo& info);

  std::shared_ptr<Cluster> cluster_;
};

}  // namespace sluice
