// KeptAnswers for the object path.
#pragma once

#include <napi.h>

#include "core/home/kept_answers.h"

namespace sluice {

class KeptAnswersHost : public Napi::ObjectWrap<KeptAnswersHost> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  explicit KeptAnswersHost(const Napi::CallbackInfo& info);

 private:
  Napi::Value add(const Napi::CallbackInfo& info);
  Napi::Value get(const Napi::CallbackInfo& info);
  Napi::Value sweep(const Napi::CallbackInfo& info);
  Napi::Value all(const Napi::CallbackInfo& info);
  Napi::Value size(const Napi::CallbackInfo& info);

  KeptAnswers answers_;
};

}  // namespace sluice
