// The embedded location store (core/home/binding_store.h), for the object path.
#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "core/home/binding_store.h"

namespace sluice {

class Location : public Napi::ObjectWrap<Location> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  explicit Location(const Napi::CallbackInfo& info);
  ~Location();

  // nullptr: closed.
  const std::shared_ptr<BindingStore>& store() const noexcept { return store_; }

 private:
  Napi::Value save(const Napi::CallbackInfo& info);
  Napi::Value set_bounds(const Napi::CallbackInfo& info);
  Napi::Value lookup(const Napi::CallbackInfo& info);
  Napi::Value remove(const Napi::CallbackInfo& info);
  Napi::Value remove_flow(const Napi::CallbackInfo& info);
  Napi::Value learn_past_flows(const Napi::CallbackInfo& info);
  Napi::Value want_news(const Napi::CallbackInfo& info);
  Napi::Value news(const Napi::CallbackInfo& info);
  Napi::Value expire(const Napi::CallbackInfo& info);
  Napi::Value flush(const Napi::CallbackInfo& info);
  Napi::Value sync(const Napi::CallbackInfo& info);
  Napi::Value addresses(const Napi::CallbackInfo& info);
  Napi::Value counts(const Napi::CallbackInfo& info);
  Napi::Value damaged(const Napi::CallbackInfo& info);
  Napi::Value hold(const Napi::CallbackInfo& info);
  Napi::Value lock(const Napi::CallbackInfo& info);
  Napi::Value go_on(const Napi::CallbackInfo& info);
  Napi::Value settle(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  bool is_open(Napi::Env env);
  void begin_batch() noexcept;

  std::shared_ptr<BindingStore> store_;
  bool has_batch_ = false;
  bool has_flushed_ = false;
  uint64_t failures_ = 0;          // of the journal, at the first change of the batch
  uint64_t flushed_failures_ = 0;  // of the first batch flushed since the last sync
  uint32_t cursor_ = 0;            // of expire()
  BindingNewsList news_;           // taken from the table and in part told
  std::string lines_;
};

}  // namespace sluice
