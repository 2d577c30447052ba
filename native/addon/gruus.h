// Writes GRUUs (core/home/gruu.h), for the object path.
#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "core/home/gruu.h"

namespace sluice {

class Gruus : public Napi::ObjectWrap<Gruus> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  explicit Gruus(const Napi::CallbackInfo& info);

 private:
  Napi::Value write(const Napi::CallbackInfo& info);

  std::unique_ptr<GruuWriter> writer_;
  std::string room_;
};

}  // namespace sluice
